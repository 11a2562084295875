import pytest

from endolink.serving.archive.picture import Locator, Reading


@pytest.mark.parametrize(
    ("locator", "text"),
    [
        (Locator("a.jpg"), "a.jpg"),
        (Locator("a.zip", "b/c.jpg"), "a.zip!b/c.jpg"),
        (Locator("a.mp4", number=12), "a.mp4#12"),
        (Locator("a.zip", "b.dcm", 0), "a.zip!b.dcm#0"),
    ],
)
def test_a_locator_reads_well(locator: Locator, text: str) -> None:
    assert str(locator) == text


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_times_between_pictures_are_above_naught(value: float) -> None:
    with pytest.raises(ValueError, match="every_s must be above 0"):
        Reading(every_s=value)
    with pytest.raises(ValueError, match="interval_s must be above 0"):
        Reading(interval_s=value)
