"""A study, scored for real and summed up by hand, for the tests of what is written about it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom import uid

from endolink import sample_data
from endolink.model.classifier import Classifier
from endolink.model.egress import EgressSettings
from endolink.model.temporal import Event
from endolink.serving.archive.picture import Picture, Reading
from endolink.serving.archive.sinks import Sink
from endolink.serving.archive.sinks.captures import CapturesSink
from endolink.serving.archive.sinks.dicom_objects import DicomStore
from endolink.serving.archive.sinks.key_objects import KeyObjectsSink
from endolink.serving.archive.sinks.structured_report import StructuredReportSink
from endolink.serving.archive.sources import find
from endolink.serving.archive.study import (
    FrameResult,
    KeyFrame,
    Landmark,
    StudyEvent,
    StudyResult,
)
from tests import dicoms


def phantom(name: str, side: int = 320) -> NDArray[np.uint8]:
    """A rendered still, at most `side` pixels on its longer side."""
    (path,) = (path for path in sample_data.frames() if path.stem == name)
    with Image.open(path) as image:
        image.thumbnail((side, side))
        return np.asarray(image)


def dicom_study(folder: Path) -> tuple[str, list[Path]]:
    """Write a still, a multi-frame JPEG and an H.264 film of the phantom; give the study's UID."""
    study = uid.generate_uid()
    pixels = [phantom(name) for name in ("polyp-sessile", "clean-wall", "cecum")]
    size = pixels[0].shape[1], pixels[0].shape[0]
    still = dicoms.jpegs(
        folder / "still.dcm",
        [dicoms.jpeg(pixels[0])],
        size=size,
        header=dicoms.describe(study=study),
    )
    several = dicoms.jpegs(
        folder / "several.dcm",
        [dicoms.jpeg(frame) for frame in pixels],
        size=size,
        header=dicoms.describe(
            sop_class=uid.MultiFrameTrueColorSecondaryCaptureImageStorage, study=study
        ),
    )
    film = dicoms.video(
        folder / "film.dcm",
        [pixels[index // 5] for index in range(15)],
        header=dicoms.describe(sop_class=uid.VideoEndoscopicImageStorage, study=study),
    )
    return study, [still, several, film]


def score(places: Sequence[str], classifier: Classifier, reading: Reading) -> StudyResult:
    """Score everything at `places` as one study; every third frame is a key frame."""
    frames: list[FrameResult] = []
    key = ""
    for thing in find(places):
        for picture in thing.pictures(reading):
            assert isinstance(picture, Picture), picture.error
            key = picture.study
            (verdict,) = classifier.score([picture.load()])
            frames.append(
                FrameResult(len(frames), picture.locator, picture.series, picture.time_s, verdict)
            )
    keys = tuple(KeyFrame(frame, frame.outcome.top) for frame in frames[::3])  # type: ignore[union-attr]
    code = keys[0].finding.code if keys[0].finding else ""
    return StudyResult(
        key=key,
        pseudonym="S-0123456789abcdef",
        model=classifier.identity,
        frames=frames,
        scored=len(frames),
        usable=len(frames) - 1,
        failures={"frame-corrupt": 2},
        reasons={"dark": 1},
        duration_s=75.0,
        events=(StudyEvent("a", Event(code, 10.0, 10.5, 30.0, 12.0, 0.9), frames[0]),),
        key_frames=keys,
        landmarks=(Landmark("cecum", frames[0], frames[0]),),
        view_quality={"bbps-2-3": 0.5},
        shortlist=(0, 3),
    )


def dicom_sinks(rules: EgressSettings, classifier: Classifier) -> list[Sink]:
    store = DicomStore(rules)
    return [
        StructuredReportSink(store),
        KeyObjectsSink(store),
        CapturesSink(store, classifier, Reading()),
    ]


def still_with_text(folder: Path, text: str = "PAULA PHANTOM") -> Path:
    """Write a still with a patient's name burned in at (200, 200), 22 pixels tall."""
    image = Image.fromarray(phantom("clean-wall", 640))
    ImageDraw.Draw(image).text((200, 200), text, font=ImageFont.load_default(22), fill="white")
    pixels = np.asarray(image)
    size = pixels.shape[1], pixels.shape[0]
    return dicoms.jpegs(folder / "still.dcm", [dicoms.jpeg(pixels)], size=size)
