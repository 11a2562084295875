from endolink.model.verdict import ModelIdentity
from endolink.serving.archive.study import StudyResult


def result(key: str) -> StudyResult:
    model = ModelIdentity("tiny", "0.1.0", "sha256:" + "0" * 64, "fp32", "cpu")
    return StudyResult(
        key, "P", model, (), 3, 2, {"frame-empty": 1}, {"dark": 1}, None, (), (), (), {}
    )


def test_every_picture_is_counted() -> None:
    assert result("/a/folder").total == 4


def test_a_dicom_study_knows_its_uid() -> None:
    assert result("urn:oid:1.2.3").study_uid == "1.2.3"
    assert result("/a/folder").study_uid is None


def test_every_result_says_what_it_is_not() -> None:
    assert "not a diagnosis" in result("x").notice
