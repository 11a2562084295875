from pathlib import Path

import pytest

from endolink.model.classifier import Classifier
from endolink.model.egress import EgressSettings
from endolink.serving.archive.picture import Reading
from endolink.serving.archive.study import StudyResult
from tests.studies import dicom_sinks, dicom_study, score


@pytest.fixture(scope="session")
def classifier(classifier_bundle: Path) -> Classifier:
    return Classifier.open(classifier_bundle, threads=1)


@pytest.fixture(scope="session")
def result(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    """A DICOM study of three objects, scored."""
    _, files = dicom_study(tmp_path_factory.mktemp("study"))
    return score([str(path) for path in files], classifier, Reading())


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> EgressSettings:
    """Rules that let all kinds of results be written here, identifiers among them."""
    monkeypatch.setenv("ENDOLINK_EGRESS", "verdicts,identifiers,pixels=local")
    return EgressSettings()


@pytest.fixture
def unnamed(monkeypatch: pytest.MonkeyPatch) -> EgressSettings:
    """Rules that keep identifiers from being written anywhere."""
    monkeypatch.setenv("ENDOLINK_EGRESS", "verdicts,pixels=local")
    return EgressSettings()


@pytest.fixture
def written(
    result: StudyResult, classifier: Classifier, everything: EgressSettings, tmp_path: Path
) -> Path:
    """A folder with every DICOM object that is written of the study."""
    for sink in dicom_sinks(everything, classifier):
        sink.write(result, tmp_path)
    return tmp_path
