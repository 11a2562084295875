"""Fuzz the parsers of untrusted bytes: `python -m tests.fuzz --seconds 60 [TARGET...]`."""

import argparse
import sys
import time
from pathlib import Path

from tests.fuzz.session import TARGETS, run


def main() -> int:
    """Run one target after the other, and print a table; 1 where anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="of each target")
    parser.add_argument("--folder", type=Path, help="keeps what was found and what reached more")
    given = parser.parse_args()
    begun = time.monotonic()
    runs = list(run(given.targets or TARGETS, given.seconds, folder=given.folder))
    print("| parser | executions | branches of the corpus | in the end | peak MB | found |")
    print("| --- | --- | --- | --- | --- | --- |")
    for done in runs:
        found = "nothing" if done.found is None else f"{len(done.found)} bytes"
        print(
            f"| {done.name} | {done.executions} | {done.begun} | {done.edges} | {done.peak_mb} | "
            f"{found} |"
        )
    total = sum(done.executions for done in runs)
    print(f"{total} executions in {time.monotonic() - begun:.0f} s")
    for done in runs:
        if done.found is not None:
            print(f"\n{done.name}:\n{done.said[-3000:]}", file=sys.stderr)
    return int(any(done.found is not None for done in runs))


if __name__ == "__main__":
    sys.exit(main())
