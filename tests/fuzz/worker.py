"""The process that fuzzes: `python -m tests.fuzz.worker FOLDER SECONDS MOST SEED TARGET...`.

libFuzzer steers by which branches of Python an input reaches (atheris); native decoders are not
instrumented. Each target has a process of its own, forked from this one, in which all that has to
be instrumented was so once. An input that takes too long or too much memory ends it as a crash
does. What is printed goes into FOLDER/TARGET.txt, what broke a rule into FOLDER/TARGET/found, and
what reached something new into FOLDER/TARGET/grown.
"""

import importlib
import logging
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from tests.fuzz import scratch
from tests.fuzz.bounds import HANG_S, MOST_ADDRESSES, MOST_MB, MOST_S
from tests.fuzz.session import CORPUS, module_of

# Ours, and what of others' is written in Python and parses for us.
INSTRUMENTED = [
    *("endolink", "pydicom", "python_multipart", "jwt", "zipfile", "tarfile"),
    "tests.fuzz.faulty",
]


_BROKEN = 70


class Bounds(NamedTuple):
    """How long each target is fuzzed: in seconds, and in inputs, where that is not negative."""

    seconds: int
    most: int
    seed: int


class TooMuch(BaseException):
    """An input took more time or memory than any may; no parser is to catch it."""


def bounded(check: Callable[[bytes], None], most_s: float) -> Callable[[bytes], None]:
    """Hold each input to bounds: `most_s` of processor time, and that of the process's memory."""

    def run(data: bytes) -> None:
        begun = time.process_time()
        check(data)
        took = time.process_time() - begun
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if took > most_s:
            raise TooMuch(f"{took:.2f} s of processor time")
        if used > MOST_MB:
            raise TooMuch(f"{used:.0f} MB at the most")

    return run


def redirect(path: Path) -> None:
    """Let everything that this process prints go into a file."""
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)


def keeping(check: Callable[[bytes], None], found: Path) -> Callable[[bytes], None]:
    """Keep the input that breaks a rule, and end the process, forked as it is, there and then."""

    def run(data: bytes) -> None:
        try:
            check(data)
        except BaseException:  # noqa: BLE001 - reported, and the process ended
            traceback.print_exc()
            (found / "input").write_bytes(data)
            os._exit(_BROKEN)

    return run


def fuzz(name: str, target: ModuleType, folder: Path, bounds: Bounds) -> None:
    """Fuzz one target; libFuzzer ends the process."""
    found, grown = folder / name / "found", folder / name / "grown"
    for made in (found, grown):
        made.mkdir(parents=True, exist_ok=True)
    redirect(folder / f"{name}.txt")
    # The address space is what a header's lie would take, even where nothing is written to it.
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import atheris  # noqa: PLC0415 - an extra

    options = (
        *(f"-max_total_time={bounds.seconds}", f"-runs={bounds.most}", f"-seed={bounds.seed}"),
        *(f"-max_len={target.LONGEST}", f"-timeout={HANG_S}"),
        *(f"-rss_limit_mb={2 * MOST_MB}", f"-artifact_prefix={found}/"),
        *("-print_final_stats=1", "-reload=0", f"-report_slow_units={HANG_S}"),
    )
    corpora = [str(path) for path in (grown, CORPUS / name) if path.is_dir()]
    check = keeping(bounded(target.check, MOST_S), found)
    atheris.Setup([name, *options, *corpora], check)
    atheris.Fuzz()


def main(folder: Path, bounds: Bounds, names: list[str]) -> None:
    """Fuzz one target after the other."""
    redirect(folder / "worker.txt")
    import atheris  # noqa: PLC0415 - an import hook: it comes before what it instruments

    # Those that are loaded already are loaded anew.
    for module in ("zipfile", "tarfile"):
        sys.modules.pop(module, None)
    with atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False):
        targets = {name: importlib.import_module(module_of(name)) for name in names}
    warnings.simplefilter("ignore")
    logging.disable()
    scratch.base()
    for name, target in targets.items():
        child = os.fork()
        if child == 0:
            try:
                fuzz(name, target, folder, bounds)
            finally:
                os._exit(_BROKEN)
        deadline = time.monotonic() + bounds.seconds + 3 * HANG_S
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                break
            time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Bounds(*map(int, sys.argv[2:5])), sys.argv[5:])
