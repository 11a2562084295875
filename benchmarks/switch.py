"""`python -m benchmarks.switch`: a new version takes over under load."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from time import perf_counter, sleep

import numpy as np
from rich.console import Console

from benchmarks.frame import ordinary_frame
from benchmarks.load import Connection, together
from benchmarks.options import parse, table
from benchmarks.process import served
from endolink.model.bundle import BUNDLED, MANIFEST

_CLIENTS = 2
# What follows a switch at once is part of it, in seconds.
_AFTER = 0.5


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(__doc__, arguments, seconds=12.0)
    image = ordinary_frame()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "bundle"
        shutil.copytree(options.model.bundle or BUNDLED, folder)
        with served("--threads", "1", *replace(options.model, bundle=folder).options) as service:
            connections = [Connection(service.port, image) for _ in range(_CLIENTS)]
            together(_CLIENTS, min(1.0, options.seconds), lambda number: connections[number].ask())
            manifest = json.loads((folder / MANIFEST).read_text())
            manifest["version"] = "999.0.0"
            (folder / MANIFEST).write_text(json.dumps(manifest))
            switch: list[float] = []

            def change() -> None:
                sleep(options.seconds / 2)
                admin = HTTPConnection("127.0.0.1", service.port)
                switch.append(perf_counter() - start)
                admin.request("POST", "/v1/models:reload")
                answer = admin.getresponse()
                switch.append(perf_counter() - start)
                if answer.status != 200:
                    raise RuntimeError(f"the switch was refused: {answer.read()!r}")
                admin.close()

            start = perf_counter()
            changing = Thread(target=change)
            changing.start()
            rows = together(_CLIENTS, options.seconds, lambda number: connections[number].ask())
            changing.join()
            for connection in connections:
                connection.close()
    begun, ended = switch
    during = (rows[:, 0] >= begun) & (rows[:, 0] <= ended + _AFTER)
    shown = table(
        f"{_CLIENTS} clients; the switch took {ended - begun:.2f} s",
        ("", "frames", "p50 ms", "p99 ms", "p99 ratio", "target", "failed"),
    )
    usual = 1.0
    for name, part, target in (
        ("before", rows[rows[:, 0] < begun], ""),
        ("during", rows[during], "≤ 2"),
    ):
        p50, p99 = np.percentile(part[:, 1], [50, 99])
        usual = p99 if name == "before" else usual
        failed = int((part[:, 2] != 200).sum())
        shown.add_row(
            name,
            str(len(part)),
            f"{p50:.1f}",
            f"{p99:.1f}",
            f"{p99 / usual:.2f}",
            target,
            str(failed),
        )
    Console(width=100).print(shown)


if __name__ == "__main__":
    main()
