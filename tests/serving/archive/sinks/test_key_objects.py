from pathlib import Path

import highdicom
from pydicom import dcmread

from endolink.serving.archive.study import StudyResult


def test_the_selection_names_the_objects(result: StudyResult, written: Path) -> None:
    selection = dcmread(written / "key-objects.dcm")
    opened = highdicom.ko.KeyObjectSelectionDocument.from_dataset(selection)
    assert len(opened.content.get_references()) == 3
    texts = [item.get("TextValue", "") for item in selection.ContentSequence]
    assert any(result.notice in text for text in texts)
