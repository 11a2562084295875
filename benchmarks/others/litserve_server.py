"""LitServe: a form with one file, `frame`, at `/predict`."""

import argparse
from typing import Any

import litserve
from starlette.requests import Request

from benchmarks.others.network import INSTANCES, Network, tell_when_ready


class Api(litserve.LitAPI):  # type: ignore[misc]
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def setup(self, device: str) -> None:  # noqa: ARG002 - the name is theirs
        self.network = Network(self._path)

    # The annotation chooses how the body is read; what is given is the form.
    def decode_request(self, request: Request) -> bytes:
        form: Any = request
        return bytes(form["frame"].file.read())

    def predict(self, image: bytes) -> Any:
        return self.network(image)

    def encode_response(self, output: Any) -> dict[str, list[float]]:
        return {"probabilities": output.tolist()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", help="an ONNX file with an output `logits`")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    server = litserve.LitServer(Api(given.network), accelerator="cpu", workers_per_device=INSTANCES)
    tell_when_ready(f"http://127.0.0.1:{given.port}/health")
    server.run(host="127.0.0.1", port=given.port, generate_client_file=False, log_level="error")


if __name__ == "__main__":
    main()
