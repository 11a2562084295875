import csv
import io
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import highdicom
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread, uid

from endolink import sample_data
from endolink.model.classifier import Classifier
from endolink.model.egress import EgressSettings
from endolink.model.errors import EgressRefused, PacsRefused, PacsUnreachable
from endolink.model.frame import Frame, decode
from endolink.model.video import frames
from endolink.serving.archive.job import Job, Unwritten
from endolink.serving.archive.options import Form, make_sinks
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread
from endolink.serving.archive.scoring import Progress
from endolink.serving.archive.sinks.captures import CapturesSink
from endolink.serving.archive.sinks.dicom_objects import DicomStore
from endolink.serving.archive.sinks.key_objects import KeyObjectsSink
from endolink.serving.archive.sinks.structured_report import StructuredReportSink
from endolink.serving.archive.sources import fetch, find, wado_frames
from endolink.serving.archive.sources.dicomweb import Pacs, find_in_pacs
from endolink.serving.archive.watch import Arrivals, follow
from endolink.serving.models import Models
from tests import dicoms
from tests.serving.archive.orthanc import orthanc
from tests.studies import dicom_study, score

pytestmark = pytest.mark.program("Orthanc")


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pacs]:
    with orthanc(tmp_path_factory.mktemp("orthanc")) as url:
        yield Pacs(url)


@pytest.fixture(scope="module")
def study(pacs: Pacs, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Path]]:
    """A still, a multi-frame JPEG and an H.264 film, stored in the PACS."""
    uid_of_study, files = dicom_study(tmp_path_factory.mktemp("study"))
    for path in files:
        with path.open("rb") as file:
            pacs.store(file)
    return uid_of_study, files


def read(place: str) -> list[Picture | Unread]:
    return [one for thing in find([place]) for one in thing.pictures(Reading())]


def pixels(found: list[Picture | Unread]) -> list[np.ndarray]:
    frames = []
    for one in found:
        assert isinstance(one, Picture)
        image = one.load()
        frames.append((image if isinstance(image, Frame) else decode(image)).pixels)
    return frames


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ("", True),
        ("?StudyDate=20240101-20240331", True),
        ("?PatientID=PH-0042&ModalitiesInStudy=ES", True),
        ("?StudyDate=20250101-20250331", False),
        ("?PatientID=somebody-else", False),
        ("?ModalitiesInStudy=CT", False),
    ],
)
def test_studies_are_found(
    pacs: Pacs, study: tuple[str, list[Path]], query: str, there: bool
) -> None:
    found = list(find_in_pacs(f"{pacs.url}/studies{query}"))
    assert len(found) == (3 if there else 0)
    assert all(study[0] in address for address in found)


def test_what_is_fetched_is_what_was_stored(pacs: Pacs, study: tuple[str, list[Path]]) -> None:
    uid_of_study, files = study
    stored = {}
    for path in files:
        stored[str(dcmread(path).SOPInstanceUID)] = pixels(read(str(path)))
    addresses = list(find_in_pacs(f"{pacs.url}/studies/{uid_of_study}"))
    assert len(addresses) == 3
    for address in addresses:
        fetched = pixels(read(address))
        expected = stored[address.rpartition("/")[2]]
        assert len(fetched) == len(expected)
        assert all(np.array_equal(a, b) for a, b in zip(fetched, expected, strict=True))


def test_of_a_multi_frame_object_only_what_is_wanted_is_fetched(
    pacs: Pacs, study: tuple[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = find_in_pacs(f"{pacs.url}/studies/{study[0]}")
    whole = {
        one.locator: one
        for address in addresses
        for one in read(address)
        if isinstance(one, Picture)
    }
    places = Counter(at.place for at in whole)
    (several,) = (place for place, count in places.items() if count == 3)
    # The whole object is asked for by nobody.
    monkeypatch.setattr(Pacs, "fetch", None)
    wanted = {Locator(several, number=2): None, Locator(several, number=0): None}
    found = dict(fetch(wanted, Reading()))
    assert set(found) == set(wanted)
    for at, image in found.items():
        assert image == whole[at].load()
    (thing,) = find([several])
    every = [one for one in thing.pictures(Reading(every_s=0.2)) if isinstance(one, Picture)]
    assert [one.locator.number for one in every] == [0, 2]
    assert [one.time_s for one in every] == pytest.approx([0, 0.2])
    assert {one.study for one in every} == {f"urn:oid:{study[0]}"}


def test_a_pacs_that_gives_no_single_frames_gives_the_object(
    pacs: Pacs, study: tuple[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PacsRefused("not here")

    monkeypatch.setattr(wado_frames.FramewiseObject, "open", refuse)
    things = find([f"{pacs.url}/studies/{study[0]}"])
    counts = [len(list(thing.pictures(Reading(every_s=0.2)))) for thing in things]
    assert sorted(counts) == [1, 2, 3]


def test_what_arrives_in_a_pacs_is_scored_once(
    pacs: Pacs, study: tuple[str, list[Path]], models: Models, tmp_path: Path
) -> None:
    classifier = models.get(None)
    sinks = make_sinks([Form.CSV], classifier, identifiers=False)
    job = Job(tmp_path / "out", classifier, sinks, workers=2)
    # A PACS that does not answer holds nobody up.
    silent = "http://127.0.0.1:9/dicom-web/studies"
    query = f"{pacs.url}/studies?PatientID=PH-0042"
    said: list[str] = []
    rounds = 0

    def pause() -> bool:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            for path in dicom_study(tmp_path)[1][:1]:
                with path.open("rb") as file:
                    pacs.store(file)
        return rounds in {3, 4}

    def watch() -> list[Progress]:
        with job.open_ledger(resume=True) as ledger:
            arrived = follow(
                job,
                ledger,
                [query, silent],
                arrivals=Arrivals(0),
                unwritten=Unwritten(),
                pause=pause,
                say=said.append,
            )
            return list(arrived)

    # The last is another object, of a picture that is known already.
    assert watch() == [Progress(things=3, scored=19), Progress(things=1, known=1)]
    assert len(said) == 1
    assert said[0].startswith("pacs-unreachable")
    # Started again, it fetches nothing of what it has.
    assert watch() == []


def test_results_go_back_and_open(
    pacs: Pacs,
    study: tuple[str, list[Path]],
    classifier_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    classifier = Classifier.open(classifier_bundle, threads=1)
    result = score([f"{pacs.url}/studies/{study[0]}"], classifier, Reading())
    assert result.total == 1 + 3 + 15 + 2
    with pytest.raises(EgressRefused, match="identifiers"):
        StructuredReportSink(DicomStore(EgressSettings(), pacs)).write(result, tmp_path)
    monkeypatch.setenv(
        "ENDOLINK_EGRESS",
        f"verdicts,identifiers,pixels={pacs.url};verdicts,identifiers,pixels=local",
    )
    store = DicomStore(EgressSettings(), pacs)
    for _ in range(2):  # said again, it is the same object
        StructuredReportSink(store).write(result, tmp_path)
        KeyObjectsSink(store).write(result, tmp_path)
        CapturesSink(store, classifier, Reading()).write(result, tmp_path)
    answers = pacs._client.search_for_instances(study[0], fields=["00080016"])
    classes = [answer["00080016"]["Value"][0] for answer in answers]
    assert classes.count(uid.EnhancedSRStorage) == 1
    assert classes.count(uid.KeyObjectSelectionDocumentStorage) == 1
    assert classes.count(uid.SecondaryCaptureImageStorage) == len(result.key_frames)
    (answer,) = (a for a in answers if a["00080016"]["Value"][0] == uid.EnhancedSRStorage)
    back = io.BytesIO()
    pacs.fetch(
        f"{pacs.url}/studies/{study[0]}/series/{answer['0020000E']['Value'][0]}"
        f"/instances/{answer['00080018']['Value'][0]}",
        back,
    )
    report = highdicom.sr.srread(back)
    groups = report.content.get_image_measurement_groups()  # type: ignore[attr-defined]
    assert len(groups) == len(result.key_frames)
    # What EndoLink wrote itself is no source of another run, nor a failure of it.
    again = read(f"{pacs.url}/studies/{study[0]}")
    assert [type(one) for one in again] == [Picture] * 19


def test_an_address_that_is_none(pacs: Pacs, study: tuple[str, list[Path]]) -> None:
    (unread,) = read(f"{pacs.url}/patients")
    assert isinstance(unread, Unread)
    assert isinstance(unread.error, PacsRefused)
    (unread,) = read(pacs.url.replace("dicom-web", "nothing-here") + "/studies")
    assert isinstance(unread, Unread)
    assert isinstance(unread.error, PacsRefused)
    (unread,) = read(f"{pacs.url}/studies/1.2.3/series/1.2.3/instances/1.2.3")
    assert isinstance(unread, Unread)
    assert unread.study == "urn:oid:1.2.3"
    assert isinstance(unread.error, PacsRefused)


def test_nobody_answers() -> None:
    (unread,) = read("http://127.0.0.1:9/dicom-web/studies")
    assert isinstance(unread, Unread)
    assert isinstance(unread.error, PacsUnreachable)


@pytest.mark.shared
@pytest.mark.program("dciodvfy")
def test_real_frames_and_the_clip_are_scored_out_of_a_pacs_and_results_come_back(
    pacs: Pacs, shared: Path, models: Models, tmp_path: Path
) -> None:
    polyps = shared / "data/hyper-kvasir/labeled-images/lower-gi-tract/pathological-findings/polyps"
    stills = sorted(polyps.glob("*.jpg"))[:40:10]
    with Image.open(stills[0]) as first:
        size = first.size
    jpegs = [stills[0].read_bytes()]
    for path in stills[1:]:
        with Image.open(path) as image:
            jpegs.append(dicoms.jpeg(np.asarray(image.resize(size))))
    clip = [timed.frame.pixels for timed in frames(sample_data.clip(), every_s=0.5)]
    uid_of_study = uid.generate_uid()
    one, several, film = (
        dicoms.describe(sop_class=sop_class, study=uid_of_study)
        for sop_class in (
            uid.VLEndoscopicImageStorage,
            uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
            uid.VideoEndoscopicImageStorage,
        )
    )
    files = [
        dicoms.jpegs(tmp_path / "1.dcm", jpegs[:1], size=size, header=one),
        dicoms.jpegs(tmp_path / "2.dcm", jpegs[1:], size=size, header=several),
        dicoms.video(tmp_path / "3.dcm", clip, header=film),
    ]
    for path in files:
        with path.open("rb") as file:
            pacs.store(file)

    def endolink(*words: str) -> str:
        kinds = "pixels,verdicts,identifiers"
        rules = f"{kinds}={pacs.url};{kinds}=local"
        forms = [f"--format={form}" for form in ("csv", "dicom-sr", "key-objects")]
        place = f"{pacs.url}/studies/{uid_of_study}"
        given = [place, *forms, *words, "--out", str(tmp_path / "out"), "--store", pacs.url]
        done = subprocess.run(
            [Path(sys.executable).with_name("endolink"), "score", *given],
            env={**os.environ, "ENDOLINK_EGRESS": rules},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return str(done.stderr)

    assert f"{4 + len(clip)} frames scored, 0 known already, 0 without" in endolink()
    # Its own results lie beside the pictures by now, and are neither scored nor failures.
    assert "0 without a verdict, 3 files done before" in endolink("--resume")
    with next(tmp_path.glob("out/studies/*/frames.csv")).open(newline="") as table:
        rows = list(csv.DictReader(table))
    # The same verdicts as without a PACS.
    found = [float(row["polyp_probability"]) for row in rows]
    for verdict in models.get(None).score(jpegs):
        assert min(abs(chance - verdict.findings[0].probability) for chance in found) < 1e-6
    answers = pacs._client.search_for_instances(uid_of_study, fields=["00080016"])
    back = [
        answer
        for answer in answers
        if answer["00080016"]["Value"][0]
        in {uid.EnhancedSRStorage, uid.KeyObjectSelectionDocumentStorage}
    ]
    assert len(back) == 2
    for answer in back:
        at = [answer[tag]["Value"][0] for tag in ("0020000E", "00080018")]
        fetched = io.BytesIO()
        pacs.fetch(f"{pacs.url}/studies/{uid_of_study}/series/{at[0]}/instances/{at[1]}", fetched)
        path = tmp_path / f"{at[1]}.dcm"
        path.write_bytes(fetched.getvalue())
        checked = subprocess.run(
            ["dciodvfy", str(path)], capture_output=True, text=True, check=False
        )
        assert "Error" not in checked.stderr


def test_the_readme_leads_from_nothing_to_a_scored_pacs(
    pacs: Pacs, study: tuple[str, list[Path]], tmp_path: Path
) -> None:
    readme = (Path(__file__).parents[4] / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Score an archive")[2].partition("\n## ")[0]
    install, *commands = re.findall(r"^    (\S.*)$", section, re.MULTILINE)
    assert "pip install" in install  # what the tests run in has it already
    program = str(Path(sys.executable).with_name("endolink"))
    script = "\n".join(["set -e", *commands])
    script = script.replace("https://pacs.example.org/dicom-web", pacs.url)
    script = script.replace(".venv/bin/endolink", program)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("0 without a verdict") == 2
    for name in ("results/studies/*/report.html", "results/studies/*/frames.parquet"):
        assert list(tmp_path.glob(name))
    assert list(tmp_path.glob("stored/studies/*/key-objects.dcm"))
    answers = pacs._client.search_for_instances(study[0], fields=["00080016"])
    assert uid.EnhancedSRStorage in {answer["00080016"]["Value"][0] for answer in answers}
