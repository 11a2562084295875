"""How many frames one run of a network is given: measured on this machine, not guessed.

A batch saves nothing where the processor is full already. On processors, with a worker on each core
and a network run on one thread, the workers' runs go on side by side and leave no core idle; a
larger run then only needs more memory than the caches hold. An accelerator, or a run that is spread
over threads, may be otherwise. So both are tried as they would be met under load: as many runs side
by side as there are workers, of one frame and of several.
"""

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Final, Literal

from endolink.model.classifier import Classifier

Batching = Literal["auto", "on", "off"]

# A frame must cost at least so much less in a batch. Its verdict comes only with that of the
# batch's last, and it may have waited for the run before: what is won has to be worth it. The
# network is a third to a half of a frame's way here, so that this is a twentieth of the whole.
MARGIN: Final = 0.15
# Each time the sizes take turns, and a batch must win each time: what else the machine does, which
# makes one or the other slower by as much, is not taken for a gain.
ROUNDS: Final = 5


def batch_size(classifier: Classifier, batching: Batching, *, workers: int, most: int) -> int:
    """Say how many frames `classifier`'s network is to be given at once, 1 to `most`.

    With `auto` that is the size, of 2, 4, 8 ... and `most`, at which a frame costs least, and 1
    unless it is less by `MARGIN`; `on` takes `most`. One worker cannot gather while it is inside.
    Every size that may come is run once, so that no caller pays for a first run.
    """
    if batching == "off" or workers == 1 or most == 1:
        return 1
    if batching == "on":
        size = most
    else:
        size = _best(classifier, workers, most)
        # Side by side the largest that were tried take more memory than all else together.
        classifier.rehearse(1, frugal=True)
    for frames in range(2, size + 1):
        classifier.rehearse(frames)
    return size


def _best(classifier: Classifier, workers: int, most: int) -> int:
    sizes = [*(2**power for power in range(1, most.bit_length()) if 2**power < most), most]
    gains = dict.fromkeys(sizes, float("inf"))
    with ThreadPoolExecutor(workers) as pool:
        for size in (1, *sizes):
            classifier.rehearse(size)
        for _ in range(ROUNDS):
            alone = seconds_a_frame(classifier, pool, workers, 1, most)
            for size, before in tuple(gains.items()):
                gain = alone / seconds_a_frame(classifier, pool, workers, size, most)
                gains[size] = min(gain, before)
                if gain * (1 - MARGIN) < 1:
                    # Where no batch wins, as on plain processors, that is known after one round.
                    del gains[size]
    return max(gains, key=gains.__getitem__, default=1)


def seconds_a_frame(
    classifier: Classifier, pool: ThreadPoolExecutor, workers: int, size: int, frames: int
) -> float:
    """Say what a frame takes where each worker runs about as many `frames`, `size` at once."""
    runs = -(-frames // size)

    def work(_: int) -> None:
        for _ in range(runs):
            classifier.rehearse(size)

    begin = perf_counter()
    list(pool.map(work, range(workers)))
    return (perf_counter() - begin) / (workers * runs * size)
