"""Scoring on many machines: Ray Data reads and judges, the ledger stays here.

Needs the `ray` extra. Which cluster, Ray's own `RAY_ADDRESS` says; without it Ray is started on
this machine, for as long as the run. Every worker has to find the files, and the bundle, under the
same paths.
"""

import hashlib
import importlib.util
import itertools
import logging
import os
import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endolink.model.bundle import Bundle
from endolink.model.classifier import Classifier, Explain
from endolink.model.errors import ClusterFailed, EndoLinkError, ExtraMissing
from endolink.model.runtime import Provider
from endolink.model.verdict import ModelIdentity
from endolink.serving.archive.ledger import Ledger
from endolink.serving.archive.picture import Picture, Reading, Unread
from endolink.serving.archive.sources import Stored
from endolink.serving.archive.steps import Ended, Judged, Left, Step, judge_pictures, read_thing

# As many things are handed to Ray at once: enough that starting its workers costs nothing, and few
# enough that a list of them does.
_THINGS: Final = 8192
# Things of one task. A worker is told more only after these.
_TASK: Final = 16
# Steps that come back together, a few kilobytes each.
_TOGETHER: Final = 32
# Ray's own memory on this machine, where it is started here: only steps pass through it.
_STORE_BYTES: Final = 256 * 2**20
_BLOCK_BYTES: Final = 2**18


@dataclass(frozen=True)
class _Begun:
    digest: str


# What a worker says of one thing, by its number among those that were handed out together.
_Said = tuple[int, Judged | Unread | Ended | _Begun]


@dataclass(frozen=True)
class RayEngine:
    """Reads and judges on a Ray cluster.

    `identity` is the model's as this machine has it: a worker computes in its precision, and one
    that would compute with another provider or another file is refused, since its numbers would be
    others. `workers` are as many as the cluster has CPUs, unless given.
    """

    bundle: Path | None
    provider: Provider
    identity: ModelIdentity
    workers: int | None = None
    explain: Explain = "none"

    def steps(self, ledger: Ledger, things: Iterable[Stored], reading: Reading) -> Iterator[Step]:
        """Give the steps as `Engine.steps` does.

        Raises ExtraMissing without Ray, ClusterFailed where it or a worker does not do its part.
        """
        ray = start()
        scope: str | None = None
        queue = iter(things)
        try:
            workers = self.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
            while part := list(itertools.islice(queue, _THINGS)):
                for number, said in self._said(ray, ledger, part, reading, workers):
                    stored = part[number]
                    if scope not in {None, stored.scope}:
                        yield Left()
                    scope = stored.scope
                    if isinstance(said, _Begun):
                        ledger.begin(stored.place, said.digest)
                    elif isinstance(said, Judged) and ledger.known(said.content):
                        yield replace(said, outcome=None)
                    else:
                        yield said
        except ray.exceptions.RayError as error:
            raise explained(error) from error
        finally:
            ray.shutdown()

    def _said(
        self, ray: Any, ledger: Ledger, part: list[Stored], reading: Reading, workers: int
    ) -> Iterator[_Said]:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = True
        context.target_max_block_size = _BLOCK_BYTES
        known = fingerprints(ledger.contents())
        items = [
            pickle.dumps((number, stored, ledger.digest(stored.place)))
            for number, stored in enumerate(part)
        ]
        data = ray.data.from_items(
            [{"thing": item} for item in items], override_num_blocks=-(-len(items) // _TASK)
        ).map_batches(
            Worker,
            fn_constructor_args=(self, reading, known),
            batch_size=_TASK,
            concurrency=min(workers, -(-len(items) // _TASK)),
            num_cpus=1,
        )
        for row in data.iter_rows():
            yield from pickle.loads(row["said"])  # noqa: S301 - our own workers wrote it


_OTHER = (
    "A worker has another model, or computes it with another provider; install the same "
    "everywhere, or name the provider with --provider cpu."
)


class Worker:
    """One process of the cluster, with a model of its own."""

    def __init__(self, engine: RayEngine, reading: Reading, known: NDArray[np.bytes_]) -> None:
        self._engine = engine
        self._reading = reading
        self._known = known
        bundle = Bundle.open(engine.bundle)
        # Before anything of it is loaded: what was vouched for where the run began is what counts.
        if bundle.digest != engine.identity.digest:
            raise ClusterFailed(_OTHER)
        self._classifier = Classifier.of(
            bundle,
            provider=engine.provider,
            threads=1,
            precision=engine.identity.precision,
            limits=reading.limits,
        )
        if self._classifier.identity != engine.identity:
            raise ClusterFailed(_OTHER)

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, list[bytes]]]:
        """Read and judge the things of one task."""
        said: list[_Said] = []
        for item in batch["thing"]:
            for one in self._work(*pickle.loads(item)):  # noqa: S301 - our own engine wrote it
                said.append(one)
                if len(said) >= _TOGETHER:
                    yield {"said": [pickle.dumps(said)]}
                    said = []
        yield {"said": [pickle.dumps(said)]}

    def _work(self, number: int, stored: Stored, done: str | None) -> Iterator[_Said]:
        begun: list[_Begun] = []

        def begin(digest: str) -> bool:
            begun.append(_Begun(digest))
            return digest != done

        for item in read_thing(stored, self._reading, begin):
            while begun:
                yield number, begun.pop()
            if not isinstance(item, Picture):
                yield number, item
                continue
            (step,) = judge_pictures(
                [item], self._is_known, self._classifier, self._engine.explain, self._reading
            )
            if isinstance(step, Judged):
                step = replace(step, picture=replace(step.picture, load=_stays_there))
            yield number, step

    def _is_known(self, content: str) -> bool:
        wanted = fingerprint(content)
        at = int(np.searchsorted(self._known, wanted))
        return at < len(self._known) and self._known[at] == wanted


def _stays_there() -> bytes:
    raise ClusterFailed("The picture was read by a worker, and stayed there.")


def fingerprint(content: str) -> bytes:
    """Shorten a content's name: 32 bytes of hex, so that millions of them fit a worker."""
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest().encode()


def fingerprints(contents: Iterable[str]) -> NDArray[np.bytes_]:
    """Give the fingerprints of contents, S32, in order."""
    return np.sort(np.fromiter((fingerprint(content) for content in contents), "S32"))


def is_installed() -> bool:
    """Say whether Ray is here."""
    try:
        return importlib.util.find_spec("ray") is not None
    except ValueError:
        return False


def address() -> str | None:
    """Give the cluster's address as `ray://HOST:PORT`; None where it is started on this machine."""
    named = os.environ.get("RAY_ADDRESS", "")
    if named in {"", "local"}:
        return None
    if named == "auto":
        return "ray://localhost"
    return named if named.startswith("ray://") else f"ray://{named}"


def start() -> Any:
    """Join the cluster of RAY_ADDRESS, or start one here; raises ExtraMissing, ClusterFailed."""
    # Ray reports on its use to its makers unless told otherwise; nothing leaves from here.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    try:
        import ray  # noqa: PLC0415 - an extra
        import ray.data  # noqa: PLC0415
    except ImportError as error:
        raise ExtraMissing(
            "--engine ray needs the ray extra; pip install 'endolink[archive,ray]' brings it."
        ) from error
    # Its logs tell paths, and paths may tell patients.
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    here = not os.environ.get("RAY_ADDRESS")
    # "local" keeps it from joining whatever cluster somebody else has started on this machine.
    own: dict[str, Any] = {
        "address": "local",
        "object_store_memory": _STORE_BYTES,
        "include_dashboard": False,
    }
    try:
        ray.init(
            logging_level=logging.CRITICAL,
            log_to_driver=False,
            configure_logging=False,
            **(own if here else {}),
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise ClusterFailed(
            f"Ray does not start ({type(error).__name__}); RAY_ADDRESS says which cluster."
        ) from error
    return ray


def explained(error: BaseException) -> EndoLinkError:
    """Find the error of ours that a worker raised; any other is the cluster's."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, EndoLinkError):
            return cause
        cause = getattr(cause, "cause", None) or cause.__cause__
    return ClusterFailed(
        f"The Ray cluster has given up ({type(error).__name__}); go on with --resume."
    )
