"""The commands of docs/security.md, run as they stand there."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from endolink import sample_data
from tests.bundles import tiny_bundle
from tests.conftest import REPOSITORY

# As `pip install` puts it on the PATH, for the very Python that runs the tests.
PROGRAM = f"""#!/bin/sh
exec {sys.executable} -c 'from endolink.model.command import main; main()' "$@"
"""
PAGE = (REPOSITORY / "docs" / "security.md").read_text()


@pytest.mark.program("openssl")
@pytest.mark.program("curl")
def test_a_guarded_service_in_ten_commands(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    commands = block.splitlines()
    assert len(commands) <= 10
    shutil.copy(sample_data.frames()[0], tmp_path / "frame.jpg")
    tiny_bundle(tmp_path / "my-bundle", name="mine")
    program = tmp_path / "bin" / "endolink"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = "\n".join(
        [
            "set -euo pipefail",
            # However it ends, the service ends with it.
            "trap 'kill $(jobs -p) || true; wait' EXIT",
            *(f"echo; echo '# {number}'\n{command}" for number, command in enumerate(commands)),
        ]
    ).replace("8443", str(port))
    environment = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = re.split(r"^# \d+\n", done.stdout, flags=re.MULTILINE)[1:]
    assert "vouches for mine 0.1.0" in said[5]
    assert '"ready"' in said[7]
    assert json.loads(said[8])["model"]["name"] == "mine"
    assert "entries 1 to " in said[9]
    assert "Nothing was removed" in said[9]
    assert "vouched for model=mine" in done.stderr
    assert "WARNING" not in done.stderr
