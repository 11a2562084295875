"""`/metrics`: what a monitoring system asks for."""

from starlette.requests import Request
from starlette.responses import Response

from endolink.serving.http import examples
from endolink.serving.http.resource import Resource, service_of

# Prometheus' text format.
MEDIA_TYPE = "text/plain; version=1.0.0; charset=utf-8"


async def scrape(request: Request) -> Response:
    """Give counts, times, queue ages and drift in Prometheus' text format.

    No label holds anything that a client sent.
    """
    return Response(
        service_of(request).metrics.text(),
        headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"},
    )


RESOURCES = (
    Resource(
        "GET",
        "/metrics",
        "What is counted and measured",
        scrape,
        str,
        examples.METRICS,
        media_type="text/plain",
    ),
)
