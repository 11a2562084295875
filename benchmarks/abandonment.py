"""`python -m benchmarks.abandonment`: what is burnt on frames whose client has gone."""

from collections.abc import Sequence
from time import sleep

from rich.console import Console

from benchmarks.frame import ordinary_frame
from benchmarks.load import Connection
from benchmarks.options import parse, table
from benchmarks.process import served

POSTED = 60
TARGET = 5


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(__doc__, arguments, seconds=1.0)
    image = ordinary_frame()
    # A queue that takes them all: what is refused at the door would burn nothing anyway.
    with served("--threads", "1", *options.model.options, ENDOLINK_QUEUE=str(POSTED)) as service:
        connection = Connection(service.port, image)
        for _ in range(20):
            connection.ask()
        before = service.cpu_seconds()
        for _ in range(POSTED):
            connection.ask()
        each = (service.cpu_seconds() - before) / POSTED
        before = service.cpu_seconds()
        clients = [Connection(service.port, image) for _ in range(POSTED)]
        for client in clients:
            client.send()
            client.close()
        sleep(options.seconds)
        burnt = service.cpu_seconds() - before
        status = connection.ask()
        connection.close()
    shown = table(
        f"{POSTED} frames of {len(image) / 1000:.0f} KB",
        ("", "CPU ms", "requests' worth", "target"),
    )
    shown.add_row("answered, each", f"{each * 1e3:.1f}", "1", "")
    shown.add_row(
        f"{POSTED} posted and closed", f"{burnt * 1e3:.0f}", f"{burnt / each:.1f}", f"≤ {TARGET}"
    )
    Console(width=100).print(shown)
    if status != 200:
        raise SystemExit(f"afterwards the service answered {status}")


if __name__ == "__main__":
    main()
