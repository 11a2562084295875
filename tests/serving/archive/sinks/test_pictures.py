from dataclasses import replace

import numpy as np

from endolink.model.classifier import Classifier
from endolink.serving.archive.picture import Locator, Reading
from endolink.serving.archive.sinks.pictures import Heat, KeyPicture, key_pictures
from endolink.serving.archive.study import KeyFrame, StudyResult


def test_every_key_frame_is_fetched_again(result: StudyResult, classifier: Classifier) -> None:
    found = list(key_pictures(result, classifier, Reading(), identifiers=True))
    assert [one.key for one in found] == list(result.key_frames)
    assert len({one.pixels.shape for one in found}) == 1


def test_what_is_not_the_view_is_black_unless_asked_for(
    result: StudyResult, classifier: Classifier
) -> None:
    plain = next(key_pictures(result, classifier, Reading(), identifiers=False)).pixels
    asked = next(key_pictures(result, classifier, Reading(), identifiers=True)).pixels
    shown = plain.any(axis=2)
    assert np.array_equal(plain[shown], asked[shown])
    assert (~shown).sum() > (~asked.any(axis=2)).sum()


def test_what_is_gone_is_left_out(result: StudyResult, classifier: Classifier) -> None:
    first = result.key_frames[0]
    gone = KeyFrame(replace(first.frame, locator=Locator("/nowhere.dcm")), first.finding)
    study = replace(result, key_frames=(gone, *result.key_frames[1:]))
    assert len(list(key_pictures(study, classifier, Reading(), identifiers=True))) == (
        len(result.key_frames) - 1
    )


def test_the_mark_is_the_box(result: StudyResult) -> None:
    black = np.zeros((100, 200, 3), np.uint8)
    key = result.key_frames[0]
    marked = KeyPicture(key, black, (50, 20, 150, 80)).marked
    rows, columns = np.nonzero(marked.any(axis=2))
    assert (rows.min(), rows.max() + 1) == (20, 80)
    assert (columns.min(), columns.max() + 1) == (50, 150)
    assert not marked[30:70, 60:140].any()
    assert KeyPicture(key, black, None).marked is black


def test_the_heat_map_lies_where_the_finding_speaks(result: StudyResult) -> None:
    grey = np.full((100, 200, 3), 90, np.uint8)
    grey[:, 150:] = 0  # blanked
    shades = np.zeros((10, 20), np.uint8)
    shades[2:5, 4:8] = 255
    shades[6:, 16:] = 255
    heat = Heat(shades, (0, 0, 200, 100))
    marked = KeyPicture(result.key_frames[0], grey, (0, 0, 200, 100), heat).marked
    assert marked[30, 60].min() > 100
    assert np.array_equal(marked[70, 60], grey[70, 60])
    assert not marked[80, 170].any()
    assert heat.picture.getchannel("A").getextrema() == (0, 114)


def test_what_a_finding_is_present_in_has_a_map(
    result: StudyResult, classifier: Classifier
) -> None:
    for picture in key_pictures(result, classifier, Reading(), identifiers=True):
        finding = picture.key.finding
        assert finding is not None
        assert (picture.heat is not None) == (picture.box is not None) == finding.present


def test_a_file_that_is_another_by_now_is_left_out(
    result: StudyResult, classifier: Classifier
) -> None:
    first, second, *_ = result.key_frames
    other = replace(first.frame, outcome=second.frame.outcome)
    study = replace(result, key_frames=(KeyFrame(other, first.finding),))
    assert list(key_pictures(study, classifier, Reading(), identifiers=True)) == []
