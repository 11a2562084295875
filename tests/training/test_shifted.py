import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray

from endolink.model.manifest import OperatingPoint
from endolink.training.frames import Drawings, Frames
from endolink.training.inference import make
from endolink.training.run import Material
from endolink.training.shifted import AS_DRAWN, infer_shifted, with_lesion
from tests.training.conftest import TINY


def test_every_frame_is_judged_as_often_as_asked_and_each_time_otherwise(
    material: Material,
) -> None:
    frames = material.frames(range(6))
    network = make(TINY, 3).eval()

    def infer(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(network(torch.from_numpy(images)).logits)

    logits, present, known = infer_shifted(infer, frames, TINY, times=2)
    again, _, _ = infer_shifted(infer, frames, TINY, times=2)
    assert logits.shape == present.shape == known.shape == (12, 3)
    assert np.array_equal(logits, again)
    assert (np.abs(logits[:6] - logits[6:]).max(axis=1) > 0).all()
    assert (present[:6] == frames.present).all()


def test_the_threshold_of_what_was_outlined_is_chosen_on_frames_drawn_otherwise(
    material: Material,
) -> None:
    frames = material.frames(range(len(material.samples)))
    points = tuple(OperatingPoint(code, 0.25, "specificity", 1.0, 1.0, "some") for code in "abc")
    squares = material.squares
    outlines = np.zeros(squares.shape[:3], np.uint8)
    outlines[:, 8:16, 8:16] = 255
    traced = np.ones(len(squares), bool)
    drawn = dataclasses.replace(frames, drawings=Drawings(squares, outlines, traced, 1))

    def infer(images: NDArray[np.float32]) -> NDArray[np.float32]:
        logits = 4 * images.mean((1, 2, 3))
        return np.repeat(logits[:, None], 3, 1).astype(np.float32)

    def chosen(frames: Frames) -> tuple[OperatingPoint, ...]:
        return with_lesion(points, infer, frames, TINY, warmth=1.0, measured_on="some")

    assert chosen(frames) == points
    first, lesion, last = chosen(drawn)
    assert (first, last) == (points[0], points[2])
    assert lesion.code == "b"
    assert lesion.measured_on == "some" + AS_DRAWN
    logits, present, known = infer_shifted(infer, drawn, TINY)
    told = known[:, 1]
    called = 1 / (1 + np.exp(-logits[told, 1])) >= lesion.threshold
    there = present[told, 1]
    assert lesion.sensitivity == called[there].mean()
    assert lesion.specificity == (~called[~there]).mean()
