from endolink.serving.client.statistics import Statistics


def test_ages_have_percentiles_once_there_are_any() -> None:
    statistics = Statistics()
    assert statistics.age_ms(50) is None
    statistics.ages_ms.extend(range(101))
    assert statistics.age_ms(95) == 95


def test_only_the_newest_ages_are_kept() -> None:
    statistics = Statistics()
    statistics.ages_ms.extend(range(5000))
    assert statistics.age_ms(0) == 4000
