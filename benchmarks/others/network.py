"""The network behind the other servers: bytes in, a probability for each finding out."""

import os
import threading
import time
import urllib.error
import urllib.request
from io import BytesIO
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

SIDE = 224
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
# As many as there are processors, each with one thread: the quickest that these servers get.
INSTANCES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


class Network:
    """An ONNX file with an output `logits`; may be called from several threads."""

    def __init__(self, path: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def __call__(self, image: bytes) -> "np.ndarray[Any, np.dtype[np.float32]]":
        with Image.open(BytesIO(image)) as opened:
            picture = opened.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        pixels = (np.asarray(picture, np.float32) / 255 - MEAN) / STD
        batch = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])
        (logits,) = self._session.run(["logits"], {self._input: batch})
        return np.asarray(1 / (1 + np.exp(-logits[0])), np.float32)


def tell_when_ready(url: str) -> None:
    """Print `ready` as soon as `url` answers 200; does not wait for it."""

    def ask() -> None:
        while True:
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:
                    if answer.status == 200:
                        print("ready", flush=True)
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.1)

    threading.Thread(target=ask, daemon=True).start()
