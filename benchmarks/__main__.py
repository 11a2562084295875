"""What EndoLink promises, measured.

    python -m benchmarks                  every one of the service's benchmarks, some ten minutes
    python -m benchmarks throughput link  these
    python -m benchmarks --quick          each for as short as it says anything: does it run here?

`python -m benchmarks.NAME --help` has the options of one alone.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from rich.console import Console
from rich.table import Table

from benchmarks import (
    abandonment,
    archive,
    audit,
    batching,
    comparison,
    link,
    overhead,
    overload,
    streams,
    switch,
    throughput,
)


@dataclass(frozen=True)
class Benchmark:
    """One of them: what it asks, and the options that make it short."""

    asks: str
    main: Callable[[Sequence[str]], None]
    quick: tuple[str, ...]


BENCHMARKS = {
    "overhead": Benchmark(
        "what does the service add to the bare road, for one client?",
        overhead.main,
        ("--pairs", "5"),
    ),
    "throughput": Benchmark(
        "how many frames a second, for 1, 4 and 16 clients?", throughput.main, ("--seconds", "1")
    ),
    "batching": Benchmark(
        "does it pay to judge frames together?",
        batching.main,
        ("--rounds", "1", "--threads", "1"),
    ),
    "streams": Benchmark(
        "how many live streams stay fresh?",
        streams.main,
        ("--streams", "2", "--seconds", "1"),
    ),
    "overload": Benchmark(
        "what becomes of four times as much as can be judged?", overload.main, ("--seconds", "0.5")
    ),
    "abandonment": Benchmark(
        "what is burnt on frames whose client has gone?", abandonment.main, ("--seconds", "0.2")
    ),
    "switch": Benchmark("what does a new model cost who asks?", switch.main, ("--seconds", "3")),
    "link": Benchmark(
        "how old is a verdict over 5G? (as root)",
        link.main,
        ("--profiles", "midband", "--modes", "adaptive", "--seconds", "3"),
    ),
    "comparison": Benchmark(
        "how do LitServe and Triton do?", comparison.main, ("--seconds", "0.6")
    ),
    "audit": Benchmark("what does the audit log add to a request?", audit.main, ("--rounds", "3")),
    "archive": Benchmark(
        "what does scoring a folder add to the bare road?",
        archive.main,
        ("--frames", "10", "--rounds", "1"),
    ),
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"{name:12} {one.asks}" for name, one in BENCHMARKS.items()),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; by default all")
    parser.add_argument("--quick", action="store_true", help="as short as says anything")
    parser.add_argument("--bundle", metavar="DIR", help="by default the bundled model")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - BENCHMARKS.keys():
        parser.error(
            f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}"
        )
    console = Console(width=110)
    names = options.names or list(BENCHMARKS)
    ended = Table(title="Benchmarks", title_justify="left")
    for column in ("", "asks", "seconds", "ended"):
        ended.add_column(column)
    failed = False
    for number, name in enumerate(names):
        one = BENCHMARKS[name]
        console.rule(f"{number + 1} of {len(names)}: {name}, {one.asks}", align="left")
        given = [*(one.quick if options.quick else ())]
        given += ["--bundle", options.bundle] if options.bundle else []
        began = perf_counter()
        how = "well"
        try:
            one.main(given)
        # One that cannot run here, or fails, does not take the others along.
        except SystemExit as end:
            if end.code:
                how = str(end.code)
        except Exception as error:  # noqa: BLE001
            how = f"{type(error).__name__}: {error}"
        failed |= how != "well"
        ended.add_row(name, one.asks, f"{perf_counter() - began:.0f}", how)
    console.print(ended)
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
