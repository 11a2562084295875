"""EndoLink on a Ray cluster: the same application, in as many replicas as there is work for.

    pip install 'endolink[ray]'
    serve run endolink.serving.ray_serve:app cpus=2 most=8

Each replica is one whole service, set up by ENDOLINK_... as `endolink serve` is, and refuses by
itself what it cannot finish in time. docs/service.md says what is different beyond one machine.
"""

from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.serve import Application
from starlette.applications import Starlette

from endolink.serving.app import create_app
from endolink.serving.models import Models
from endolink.serving.server import log_to_stderr
from endolink.serving.settings import Settings


class Options(BaseModel):
    """What follows the import path: `cpus=4 least=2 most=16`."""

    model_config = ConfigDict(extra="forbid")

    cpus: int = Field(2, ge=1, description="Processors of a replica, and frames judged at a time.")
    least: int = Field(1, ge=1, description="Replicas that there are at least.")
    most: int = Field(4, ge=1, description="Replicas that there are at most.")


def app(options: Options) -> Application:
    """Describe the deployment for Ray; nothing is opened before a replica begins."""

    def build() -> Starlette:
        log_to_stderr("info", "json")
        # A node's processors are those of all its replicas: each is told its own share.
        settings = Settings(workers=options.cpus, threads=1)
        return create_app(settings, Models.open(settings))

    deployed = serve.deployment(
        name="endolink",
        ray_actor_options={"num_cpus": options.cpus},
        # The service has a door of its own, which says when to come back: Ray makes nobody wait.
        max_ongoing_requests=1000,
        autoscaling_config={
            "min_replicas": options.least,
            "max_replicas": max(options.least, options.most),
            # For each worker a frame that is judged and one that waits; an open stream is one, too.
            "target_ongoing_requests": 2 * options.cpus,
            # An examination's pauses are shorter than this.
            "downscale_delay_s": 600,
        },
        # Admitted frames are finished before a replica goes.
        graceful_shutdown_timeout_s=30,
    )
    described: Application = deployed(serve.ingress(build)()).bind()
    return described
