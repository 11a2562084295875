import re
from dataclasses import replace
from xml.etree import ElementTree as ET

from endolink.serving.archive.sinks.timeline import clock, draw
from endolink.serving.archive.study import FrameResult, StudyResult
from tests.serving.archive.verdicts import study, verdict


def places(drawing: str, attribute: str) -> list[float]:
    return [float(value) for value in re.findall(rf'{attribute}="([0-9.]+)"', drawing)]


def timed() -> StudyResult:
    """A hundred seconds with a polyp from 40 to 44 s, and a cecum at 60 s."""
    frames = []
    for number in range(1000):
        polyp = 0.9 if 400 <= number < 440 else 0.01
        cecum = 0.9 if number == 600 else 0.01
        frames.append((verdict({"polyp": polyp, "cecum": cecum}), number / 10, number // 100))
    return study(frames)


def test_everything_lies_where_it_was_in_time() -> None:
    result = timed()
    assert len(result.events) == 1
    drawing = draw(result)
    ET.fromstring(drawing.partition("</svg>")[0] + "</svg>")
    ticks = dict(
        zip(re.findall(r"middle\">([0-9:]+)<", drawing), places(drawing, "x1"), strict=False)
    )
    scale = (ticks["0:01:00"] - ticks["0:00:00"]) / 60
    event = result.events[0].event
    (bar,) = re.findall(
        r'<rect class="event lesion" x="([0-9.]+)" y="[0-9]+" width="([0-9.]+)"', drawing
    )
    assert abs((float(bar[0]) - ticks["0:00:00"]) / scale - event.start_s) < 0.2
    assert abs(float(bar[1]) / scale - (event.end_s - event.start_s)) < 0.2
    assert drawing.count('class="mark"') == len(result.key_frames) > 0
    assert "reached, 0:01:00" in drawing


def test_without_times_it_is_drawn_by_numbers() -> None:
    result = study((verdict({"polyp": 0.9 if n == 50 else 0.01}), None, n) for n in range(101))
    (key,) = result.key_frames
    drawing = draw(result)
    ticks = dict(
        zip(re.findall(r"middle\">([0-9,]+)<", drawing), places(drawing, "x1"), strict=False)
    )
    (x,) = places(drawing, "cx")
    assert abs((x - ticks["0"]) / (ticks["100"] - ticks["0"]) * 100 - key.frame.number) < 0.2


def test_nothing_is_said_in_words() -> None:
    empty = study((verdict({"polyp": 0.01}), None, 0) for _ in range(3))
    assert "Nothing was found" in draw(replace(empty, key_frames=()))


def test_series_follow_one_another() -> None:
    result = timed()
    (event,) = result.events

    def moved(frame: FrameResult) -> FrameResult:
        return replace(frame, series="b")

    second = replace(event, series="b", peak=moved(event.peak))
    both = replace(result, events=(event, second))
    drawing = draw(both)
    bars = re.findall(r'<rect class="event lesion" x="([0-9.]+)"', drawing)
    assert float(bars[1]) > float(bars[0])


def test_clock() -> None:
    assert [clock(seconds) for seconds in (0, 59.9, 3723)] == ["0:00:00", "0:00:59", "1:02:03"]
