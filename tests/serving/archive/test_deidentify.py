import json
from pathlib import Path

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset, dcmread, uid
from typer.testing import CliRunner

from endolink import sample_data
from endolink.model.errors import DicomUnsupported, EndoLinkError, ReviewMissing
from endolink.model.frame import Frame, decode
from endolink.serving.archive import deidentify_cli, deidentify_files
from endolink.serving.archive.clean_pixels import TextRecall, clean, text_recall
from endolink.serving.archive.deidentify import Pseudonyms, clean_header
from endolink.serving.archive.deidentify_files import REPORT, REVIEW, confirm, deidentify
from endolink.serving.archive.sources.dicom_file import DicomFile
from tests import dicoms

KEY = b"0123456789abcdef"


def phantom(name: str) -> Frame:
    (path,) = (path for path in sample_data.frames() if path.stem == name)
    return decode(path.read_bytes())


def small(name: str, side: int = 480) -> NDArray[np.uint8]:
    image = Image.fromarray(phantom(name).pixels)
    image.thumbnail((side, side))
    return np.asarray(image)


def run(source: list[Path], out: Path, key: bytes = KEY) -> list[Path | EndoLinkError | None]:
    return [outcome for _, outcome in deidentify(source, out, Pseudonyms(key))]


@pytest.fixture(autouse=True)
def _plant_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deidentify_files, "_RECALL_FRAMES", 0)


# Attributes


def test_nothing_that_names_somebody_is_left() -> None:
    header = dicoms.describe()
    header.OtherPatientIDs = "4711"
    header.PatientComments = "knows Paula"
    header.RequestAttributesSequence = [Dataset()]
    header.RequestAttributesSequence[0].ScheduledProcedureStepDescription = "Paula"
    block = header.private_block(0x0011, "MAKER", create=True)
    block.add_new(1, "LO", "Paula")
    clean = clean_header(header, Pseudonyms(KEY))
    text = str(clean.header)
    for value in ("Paula", "Phantom", "PH-0042", "1961", "20240301", "Rita", "ACC-1", "4711"):
        assert value not in text
    assert str(header.StudyInstanceUID) not in text
    assert not any(element.tag.is_private for element in clean.header)
    assert clean.done["private removed"] == 2
    assert clean.header.PatientIdentityRemoved == "YES"
    assert clean.header.BurnedInAnnotation == "YES"
    assert [i.CodeValue for i in clean.header.DeidentificationMethodCodeSequence] == [
        "113100",
        "113107",
    ]


def test_the_same_key_gives_the_same_names_and_another_others() -> None:
    one, same, other = (Pseudonyms(key) for key in (KEY, KEY, KEY[::-1]))
    assert one.uid("1.2.3") == same.uid("1.2.3") != other.uid("1.2.3")
    assert one.uid("1.2.3") != one.uid("1.2.4")
    assert uid.UID(one.uid("1.2.3")).is_valid
    assert one.patient("a") == same.patient("a") != other.patient("a")
    assert one.shift("a") == same.shift("a") != one.shift("b")
    assert Pseudonyms().patient("a") != Pseudonyms().patient("a")
    with pytest.raises(ValueError, match="16 bytes"):
        Pseudonyms(b"short")


def test_intervals_within_a_patient_are_kept() -> None:
    first, second = dicoms.describe(), dicoms.describe()
    second.StudyDate = "20240315"
    second.AcquisitionDateTime = "20240315101500.5+0100"
    one, other = (clean_header(h, Pseudonyms(KEY)).header for h in (first, second))
    days = np.datetime64(_iso(other.StudyDate)) - np.datetime64(_iso(one.StudyDate))
    assert days == np.timedelta64(14, "D")
    assert str(other.AcquisitionDateTime) == f"{other.StudyDate}101500.5+0100"
    assert other.StudyDate < "20240315"


def _iso(value: str) -> str:
    return f"{value[:4]}-{value[4:6]}-{value[6:8]}"


# Pixels


def test_text_insets_and_surround_are_black() -> None:
    frame = phantom("polyp-1080p-left-text")
    result = clean(frame)
    assert result.pixels is not None
    assert result.texts > 0
    outside = frame.pixels[:, -frame.width // 4 :], result.pixels[:, -frame.width // 4 :]
    assert outside[0].max() > 200  # what the processor writes beside the view
    assert outside[1].max() == 0
    inside = np.s_[frame.height // 2 - 50 : frame.height // 2 + 50, 600:700]
    assert np.array_equal(result.pixels[inside], frame.pixels[inside])


def test_what_is_outside_of_the_body_is_withheld() -> None:
    assert clean(phantom("out-of-body")).withheld == "out-of-body"
    flat = np.zeros((200, 300, 3), np.uint8)
    assert clean(Frame(flat, 300, 200, "")).withheld == "view-not-found"


def test_most_planted_text_is_found() -> None:
    # 0.92 over all stills of the phantom, four strings in each; these two are smaller.
    recall = TextRecall()
    for seed, name in enumerate(("clean-wall", "polyp-sessile")):
        pixels = small(name, 640)
        recall += text_recall(Frame(pixels, pixels.shape[1], pixels.shape[0], ""), seed)
    assert recall.planted == 8
    assert recall.share is not None
    assert recall.share >= 0.75


# Files


def film(tmp_path: Path) -> Path:
    body, out = small("polyp-sessile"), small("out-of-body")
    height, width = body.shape[:2]
    image = Image.fromarray(out).resize((width, height))
    frames = [body, body, np.asarray(image), body]
    return dicoms.jpegs(
        tmp_path / "film.dcm",
        [dicoms.jpeg(frame) for frame in frames],
        size=(width, height),
        header=dicoms.describe(sop_class=uid.MultiFrameTrueColorSecondaryCaptureImageStorage),
    )


def test_a_film_loses_what_was_outside_of_the_body_and_keeps_its_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deidentify_files, "_RECALL_FRAMES", 1)
    (path,) = run([film(tmp_path)], tmp_path / "out")
    assert isinstance(path, Path)
    with DicomFile.open(path) as file:
        assert [frame.time_s for frame in file.frames()] == pytest.approx([0, 0.1, 0.3])
    report = json.loads((tmp_path / "out" / REPORT).read_text())
    assert report["frames"]["read"] == 4
    assert report["frames"]["out-of-body"] == 1
    assert report["frames"]["written"] == 3
    assert report["text_recall"]["planted"] == 4
    assert report["reviewed_by"] is None


def still(tmp_path: Path, text: str = "PAULA PHANTOM") -> Path:
    image = Image.fromarray(small("clean-wall", 640))
    ImageDraw.Draw(image).text((200, 200), text, font=ImageFont.load_default(22), fill="white")
    pixels = np.asarray(image)
    size = pixels.shape[1], pixels.shape[0]
    return dicoms.jpegs(tmp_path / "still.dcm", [dicoms.jpeg(pixels)], size=size)


def test_a_still_keeps_its_class_and_loses_its_text(tmp_path: Path) -> None:
    (path,) = run([still(tmp_path)], tmp_path / "out")
    assert isinstance(path, Path)
    written = dcmread(path)
    assert written.SOPClassUID == uid.VLEndoscopicImageStorage
    assert b"Paula" not in path.read_bytes()
    with DicomFile.open(path) as file:
        image = next(file.frames()).load()
    assert isinstance(image, bytes)
    assert decode(image).pixels[200:222, 200:360].max() < 40
    assert list((tmp_path / "out" / REVIEW).glob("*.jpg"))


def test_what_cannot_be_read_is_reported_and_passed_over(tmp_path: Path) -> None:
    ct = dicoms.native(
        tmp_path / "ct.dcm",
        [dicoms.picture()],
        header=dicoms.describe(sop_class=uid.CTImageStorage),
    )
    outcomes = run([ct, still(tmp_path)], tmp_path / "out")
    assert isinstance(outcomes[0], DicomUnsupported)
    assert isinstance(outcomes[1], Path)
    report = json.loads((tmp_path / "out" / REPORT).read_text())
    assert report["files_refused"] == {"dicom-unsupported": 1}


# A human's look


def test_only_a_human_marks_files_free_of_text(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (path,) = run([still(tmp_path)], out)
    assert isinstance(path, Path)
    assert dcmread(path).BurnedInAnnotation == "YES"
    assert confirm(out, "A. Reader") == 1
    marked = dcmread(path)
    assert marked.BurnedInAnnotation == "NO"
    assert "113101" in {item.CodeValue for item in marked.DeidentificationMethodCodeSequence}
    assert json.loads((out / REPORT).read_text())["reviewed_by"] == "A. Reader"
    with pytest.raises(ReviewMissing, match="before"):
        confirm(out, "A. Reader")


def test_a_file_that_was_changed_since_is_not_marked(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (path,) = run([still(tmp_path)], out)
    assert isinstance(path, Path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ReviewMissing, match="not the file"):
        confirm(out, "A. Reader")
    with pytest.raises(ReviewMissing):
        confirm(tmp_path, "A. Reader")


def test_the_commands(tmp_path: Path) -> None:
    still(tmp_path)
    key = tmp_path / "hospital.key"
    key.write_bytes(KEY)
    out = tmp_path / "out"
    invoke = CliRunner().invoke
    app = typer.Typer()
    for command in (deidentify_cli.deidentify, deidentify_cli.reviewed):
        app.command()(command)
    first = invoke(app, ["deidentify", str(tmp_path), str(out), "--key", str(key)])
    assert first.exit_code == 0, first.output
    assert "1 files written" in first.output
    second = invoke(app, ["reviewed", str(out), "--by", "A. Reader"])
    assert second.exit_code == 0, second.output
