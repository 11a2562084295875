from endolink.training.groups import merge_groups
from tests.training.pictures import sample


def test_groups_merge_along_chains_of_either_tie() -> None:
    samples = [sample(f"{n}.jpg", group=group) for n, group in enumerate("ab--b-")]
    samples = [s if s.group != "-" else sample(s.path.name) for s in samples]
    merged = merge_groups(samples, [0, 0, 1, 2, 2, 3])
    assert merged == ("set/0.jpg", "set/0.jpg", "set/2.jpg", "set/0.jpg", "set/0.jpg", "set/5.jpg")
