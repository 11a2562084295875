from pathlib import Path

import pytest

from endolink import sample_data
from endolink.model.classifier import Classifier
from endolink.model.errors import DataError, DataLayout
from endolink.model.temporal import Event
from endolink.training.lesions import Film, Lesion, Watched, measure, read_films, watch

CLIP = sample_data.frames()[0].parent.parent


def _event(start_s: float, end_s: float, finding: str = "polyp") -> Event:
    return Event(finding, start_s, start_s + 0.2, end_s, start_s + 0.3, 0.9)


def _watched(name: str, lesions: list[Lesion], events: list[Event]) -> Watched:
    return Watched(Film(Path(name), tuple(lesions)), 60.0, 1500, tuple(events))


def test_lesions_alarms_and_waits_are_counted() -> None:
    seen = Lesion("a", "polyp", ((10.0, 14.0), (40.0, 42.0)))
    missed = Lesion("b", "polyp", ((50.0, 52.0),))
    events = [
        _event(10.8, 13.0),  # the first lesion, alert a second after it came
        _event(40.5, 41.5),  # the same again
        _event(20.0, 22.0),  # nothing is there
        _event(30.0, 30.4),  # nothing, but too short to look at
        _event(5.0, 8.0, "cecum"),  # another finding
    ]
    (video,) = measure(
        [_watched("one", [seen, missed], events), _watched("two", [], [])], ["polyp", "cecum"]
    )
    figures = {figure.name: figure for figure in video.figures}
    assert (video.finding, video.films, video.minutes, video.lesions) == ("polyp", 2, 2.0, 2)
    assert figures["lesion-sensitivity"].value == 0.5
    # Clopper and Pearson's interval of 1 in 2, Garwood's of 1 in two minutes.
    assert figures["lesion-sensitivity"].low == pytest.approx(0.0126, abs=1e-3)
    assert figures["lesion-sensitivity"].high == pytest.approx(0.9874, abs=1e-3)
    assert figures["false-alarms-per-minute"].value == 0.5
    assert figures["false-alarms-per-minute"].low == pytest.approx(0.0253 / 2, abs=1e-3)
    assert figures["false-alarms-per-minute"].high == pytest.approx(5.5716 / 2, abs=1e-3)
    assert figures["median-seconds-to-alert"].value == pytest.approx(1.0)


def test_shorter_alarms_count_where_that_is_asked_for() -> None:
    item = _watched("one", [], [_event(30.0, 30.4)])
    for shortest, alarms in ((0.5, 0.0), (0.1, 1.0)):
        (video,) = measure([item], ["polyp"], shortest_alarm_s=shortest)
        assert video.figures[0].value == alarms


@pytest.mark.parametrize(("before", "alarms"), [(0.4, 0.0), (0.6, 1.0)])
def test_an_alert_shortly_before_a_lesion_was_marked_is_early_and_not_false(
    before: float, alarms: float
) -> None:
    lesion = Lesion("a", "polyp", ((10.0, 14.0),))
    early = Event("polyp", 9.0, 10.0 - before, 13.0, 12.0, 0.9)
    (video,) = measure([_watched("one", [lesion], [early])], ["polyp"])
    figures = {figure.name: figure.value for figure in video.figures}
    assert figures["lesion-sensitivity"] == 1.0
    assert figures["false-alarms-per-minute"] == alarms


def test_the_phantoms_clip_is_watched_as_a_stream_would(tmp_path: Path) -> None:
    (film,) = read_films(CLIP / "truth.json")
    (lesion,) = film.lesions
    assert lesion.finding == "polyp"
    shown = [
        number
        for number, frame in enumerate(sample_data.truth()["clip"]["frames"])
        if "polyp" in frame["findings"]
    ]
    assert lesion.spans[0][0] == pytest.approx(shown[0] / 25)
    assert lesion.spans[-1][1] == pytest.approx((shown[-1] + 1) / 25)

    classifier = Classifier.open(provider="cpu", threads=1)
    told: list[int] = []
    watched = watch(classifier, film, every_s=0.4, progress=told.append)
    assert watched.duration_s == pytest.approx(10.0, abs=0.5)
    assert sum(told) == pytest.approx(10, abs=1)
    assert watched.frames == 25
    (video,) = measure([watched], list(classifier.thresholds))
    alerts = [event for event in watched.events if event.finding == "polyp"]
    pointed = any(lesion.shown(event.alert_s, event.end_s) for event in alerts)
    assert video.figures[0].value == pointed


def test_a_table_lists_stays_and_videos_without_any(tmp_path: Path) -> None:
    for name in ("one.mp4", "two.mp4"):
        (tmp_path / name).touch()
    table = tmp_path / "lesions.csv"
    table.write_text(
        "video,lesion,finding,start_s,end_s\n"
        "one.mp4,a,polyp,31.2,33.9\none.mp4,a,polyp,12.4,15\none.mp4,b,cecum,1,2\ntwo.mp4,,,,\n"
    )
    one, two = read_films(table)
    assert one.path == tmp_path / "one.mp4"
    assert one.lesions[0] == Lesion("a", "polyp", ((12.4, 15.0), (31.2, 33.9)))
    assert len(one.lesions) == 2
    assert two.lesions == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("video,start\nx,1\n", "expected the columns video,lesion,finding,start_s,end_s"),
        ("video,lesion,finding,start_s,end_s\n", "no video is listed"),
        ("video,lesion,finding,start_s,end_s\nno.mp4,,,,\n", "no video 'no.mp4' beside it"),
        ("video,lesion,finding,start_s,end_s\nx,a,wart,1,2\n", "line 2: the finding is not"),
        ("video,lesion,finding,start_s,end_s\nx,a,polyp,2,1\n", "line 2: the stay ends"),
        ("video,lesion,finding,start_s,end_s\nx,a,polyp,nan,1\n", "line 2: the stay ends"),
        ("video,lesion,finding,start_s,end_s\nx,a,polyp,now,1\n", "line 2: the times are not"),
    ],
)
def test_another_table_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "lesions.csv").write_text(text)
    with pytest.raises(DataLayout, match=said):
        read_films(tmp_path / "lesions.csv")


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataLayout, match="cannot be read"):
        read_films(tmp_path / "missing.csv")
    (tmp_path / "truth.json").write_text("{}")
    with pytest.raises(DataError, match="not the truth of a rendered clip"):
        read_films(tmp_path / "truth.json")
