"""Which frames belong together: of one patient or video, or near-copies of each other."""

from collections.abc import Hashable, Iterable, Sequence

from endolink.training.datasets.samples import Sample


def merge_groups(samples: Sequence[Sample], near: Sequence[Hashable]) -> tuple[str, ...]:
    """Name each sample's group: near-copies, and what the data set says belongs together.

    `near[i]` is the label of sample i's set of near-copies. Two samples share a group when a chain
    of either kind of tie connects them; a group is named after its first file.
    """
    parent = list(range(len(samples)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def tie(keys: Iterable[Hashable | None]) -> None:
        first: dict[Hashable, int] = {}
        for index, key in enumerate(keys):
            if key is None:
                continue
            low, high = sorted((root(first.setdefault(key, index)), root(index)))
            parent[high] = low

    tie(near)
    # A data set's own groups are told apart from another's of the same name.
    tie(None if s.group is None else (s.file.split("/")[0], s.group) for s in samples)
    return tuple(samples[root(index)].file for index in range(len(samples)))
