"""A service on the link emulator's own address, which nobody but the emulated client can reach.

    python -m benchmarks.unguarded 10.78.0.2 fp32 [BUNDLE]

`endolink serve` rightly refuses to listen anywhere but on this machine without asking who is there;
here that machine is a network namespace with one link to one other.
"""

import sys
from pathlib import Path

from endolink.serving.app import create_app
from endolink.serving.models import Models
from endolink.serving.server import make_server
from endolink.serving.settings import Settings


def main() -> None:
    address, precision, *bundle = sys.argv[1:]
    settings = Settings.model_validate(
        {"port": 0, "precision": precision, "bundles": tuple(map(Path, bundle))}
    )
    # What nobody vouches for answers on this machine only; what is measured may be such.
    models = Models.open(settings)
    # A copy is not validated again.
    settings = settings.model_copy(update={"host": address})
    app = create_app(settings, models)

    def say(port: int) -> None:
        print(f"http://{address}:{port}", flush=True)

    make_server(app, settings, say).run()


if __name__ == "__main__":
    main()
