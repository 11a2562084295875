"""The ten-second clip: the scope glides down a clean colon and past one polyp."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from endolink.sample_data.bowel import Bowel
from endolink.sample_data.phantom import Truth, render
from endolink.sample_data.scene import Camera, Polyp, Scene

FRAMES_PER_SECOND = 25
FRAME_COUNT = 250

_SPEED = 0.75  # lumen radii a second
_STAGE = Scene(seed=40, polyp=Polyp(angle=35, depth=5.3, size=0.6))
_BIT_RATE = 620_000


def scene_at(index: int) -> Scene:
    """Describe frame `index` of the clip, 0 <= index < FRAME_COUNT; ValueError outside."""
    if not 0 <= index < FRAME_COUNT:
        raise ValueError(f"the clip has frames 0 to {FRAME_COUNT - 1}, not {index}")
    seconds = index / FRAMES_PER_SECOND
    travel = _SPEED * seconds
    # The tip looks where the lumen goes, a little late, as a hand on the wheels does.
    bowel = Bowel(_STAGE)
    here, ahead = (
        np.array([float(axis[0]) for axis in bowel.centre(np.full(1, z, np.float32))])
        for z in (travel, travel + 1.2)
    )
    turn = np.degrees(np.arctan2(ahead - here, 1.2))
    camera = Camera(
        travel=travel,
        offset=(0.12 * float(np.sin(0.9 * seconds)), 0.10 * float(np.sin(0.7 * seconds + 1))),
        yaw=float(turn[0]) + 5 * float(np.sin(0.8 * seconds)),
        pitch=float(turn[1]) + 4 * float(np.sin(0.6 * seconds + 0.5)),
    )
    return replace(_STAGE, camera=camera)


def write_clip(path: Path) -> list[Truth]:
    """Render the clip to `path` as VP9 in WebM; return each frame's truth. Needs PyAV."""
    # Only this function needs the `archive` extra; the rest of the room must import without it.
    import av  # noqa: PLC0415

    truths = []
    # Without `bitexact` the muxer writes a random identifier into every file.
    bitexact = {"fflags": "+bitexact"}
    with (
        ProcessPoolExecutor() as pool,
        av.open(str(path), "w", format="webm", options=bitexact) as container,
    ):
        stream = container.add_stream("libvpx-vp9", rate=FRAMES_PER_SECOND)
        stream.width, stream.height, stream.pix_fmt = _STAGE.width, _STAGE.height, "yuv420p"
        stream.bit_rate = _BIT_RATE
        stream.gop_size = 50
        stream.options = {"deadline": "good", "cpu-used": "3", "threads": "1"}
        scenes = [scene_at(index) for index in range(FRAME_COUNT)]
        for index, rendered in enumerate(pool.map(render, scenes)):
            truths.append(rendered.truth)
            frame = av.VideoFrame.from_ndarray(rendered.frame, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return truths
