"""Triton, through pytriton: an encoded image as BYTES, to `/v2/models/frame/infer`."""

import argparse
from typing import Any

import numpy as np
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from benchmarks.others.network import INSTANCES, Network, tell_when_ready


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", help="an ONNX file with an output `logits`")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    network = Network(given.network)

    def infer(requests: Any) -> list[dict[str, Any]]:
        return [{"probabilities": network(request["image"].ravel()[0])} for request in requests]

    config = TritonConfig(
        http_port=given.port, http_address="127.0.0.1", allow_grpc=False, allow_metrics=False
    )
    with Triton(config=config) as server:
        server.bind(
            model_name="frame",
            infer_func=[infer] * INSTANCES,
            inputs=[Tensor(name="image", dtype=bytes, shape=(1,))],
            outputs=[Tensor(name="probabilities", dtype=np.float32, shape=(-1,))],
            config=ModelConfig(batching=False),
        )
        tell_when_ready(f"http://127.0.0.1:{given.port}/v2/models/frame/ready")
        server.serve()


if __name__ == "__main__":
    main()
