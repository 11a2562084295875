import httpx

from tests.serving.service import Running


def test_long_answers_are_compressed_for_whoever_can_read_that(running: Running) -> None:
    with httpx.Client(base_url=running.url) as client:
        assert client.get("/openapi.json").headers["content-encoding"] == "gzip"
        plain = client.get("/openapi.json", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert "content-encoding" not in client.get("/healthz").headers


def test_a_batchs_verdicts_are_compressed_and_a_lone_one_is_not(
    client: httpx.Client, jpeg: bytes
) -> None:
    batch = client.post("/v1/frames:batch", files=[("frame", jpeg)] * 16)
    assert batch.headers["content-encoding"] == "gzip"
    assert len(batch.json()["frames"]) == 16
    assert "content-encoding" not in client.post("/v1/frames", content=jpeg).headers
