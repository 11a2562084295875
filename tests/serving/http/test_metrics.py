import httpx
from prometheus_client.parser import text_string_to_metric_families


def test_a_scrape_is_prometheus_text_and_counts_what_was_asked(
    client: httpx.Client, jpeg: bytes
) -> None:
    assert client.post("/v1/frames", content=jpeg).status_code == 200
    assert client.post("/v1/frames?DOE=JANE", content=jpeg).status_code == 422
    assert client.get("/DOE").status_code == 404
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    counted = {
        (sample.labels["resource"], sample.labels["status"])
        for sample in families["endolink_requests"].samples
    }
    assert {("judge_frame", "200"), ("judge_frame", "422"), ("unknown", "404")} <= counted
    codes = {sample.labels["code"] for sample in families["endolink_refusals"].samples}
    assert {"request-invalid", "not-found"} <= codes
    assert families["endolink_stage_seconds"].samples
    assert "DOE" not in answer.text
