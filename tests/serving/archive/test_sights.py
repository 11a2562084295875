from endolink.serving.archive.sights import Sight, Sights
from tests.serving.archive.verdicts import look


def test_a_sight_lasts_as_long_as_frames_look_alike() -> None:
    sights = Sights()
    for number, (value, seen) in enumerate([(-4.0, 1), (-2.0, 1), (-3.0, 1), (-5.0, 2), (-5.0, 1)]):
        sights.take(number, value, look(seen))
    assert len(sights.ended) == 2
    sights.close()
    sights.close()
    assert sights.ended == [Sight(0, 2, 1, -2.0), Sight(3, 3, 3, -5.0), Sight(4, 4, 4, -5.0)]
