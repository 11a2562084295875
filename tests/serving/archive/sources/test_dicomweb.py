import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom import dcmread, uid

from endolink.model.classifier import Classifier
from endolink.model.egress import EgressSettings
from endolink.model.errors import EgressRefused, PacsRefused, PacsUnreachable
from endolink.model.frame import Frame, decode
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
