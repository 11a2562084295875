"""Clips for the viewer, made of frames whose verdicts are known before."""

import json
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from PIL import Image

from endolink.model.classifier import Classifier

RATE = 25
SIZE = (480, 384)


def split(frames: Sequence[Path], finding: str) -> tuple[list[Path], list[Path]]:
    """Give the frames in which the bundled model sees `finding` clearly, and where clearly not."""
    classifier = Classifier.open()
    threshold = classifier.thresholds[finding]
    found, free = [], []
    for frame in frames:
        (verdict,) = classifier.score([frame.read_bytes()])
        (known,) = (known for known in verdict.findings if known.code == finding)
        if known.probability > (1 + threshold) / 2:
            found.append(frame)
        elif known.probability < threshold / 4:
            free.append(frame)
    return found, free


def film(path: Path, scenes: Sequence[tuple[Path, float]]) -> Path:
    """Write a WebM that shows each frame for its seconds."""
    with av.open(str(path), "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=RATE)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 1_500_000
        stream.options = {"deadline": "realtime", "cpu-used": "8"}
        number = 0
        for frame, seconds in scenes:
            pixels = np.asarray(Image.open(frame).convert("RGB").resize(SIZE))
            for _ in range(round(seconds * RATE)):
                shown = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                shown.pts = number
                number += 1
                container.mux(stream.encode(shown))
        container.mux(stream.encode(None))
    return path


def drop(paths: Sequence[Path]) -> str:
    """Give the JavaScript that drops files onto the viewer, as the mouse does."""
    files = [(path.name, list(path.read_bytes())) for path in paths]
    return f"""() => {{
      const dropped = new DataTransfer();
      for (const [name, bytes] of {json.dumps(files)}) {{
        const type = name.endsWith(".webm") ? "video/webm" : "image/jpeg";
        dropped.items.add(new File([Uint8Array.from(bytes)], name, {{ type }}));
      }}
      const app = document.querySelector("endolink-viewer").viewer.root;
      const options = {{ dataTransfer: dropped, bubbles: true, cancelable: true }};
      app.dispatchEvent(new DragEvent("dragover", options));
      app.dispatchEvent(new DragEvent("drop", options));
    }}"""
