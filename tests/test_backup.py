"""The commands of docs/backup.md, run as they stand there, between a loss and its repair."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from endolink.serving.access.keys import KeyRing
from endolink.serving.audit.checkpoint import SigningKey
from endolink.serving.audit.log import AuditLog
from endolink.serving.retention.key_file import KeyFile
from endolink.serving.retention.vault import Vault
from tests.conftest import REPOSITORY
from tests.serving.retention.conftest import offer, quietly
from tests.serving.test_security import PROGRAM

COPY, RESTORE = re.findall(
    r"^```sh\n(.*?)^```", (REPOSITORY / "docs/backup.md").read_text(), re.MULTILINE | re.DOTALL
)


@pytest.mark.program("sqlite3")
def test_what_was_copied_comes_back(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "endolink"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    place = tmp_path / "service"
    place.mkdir()

    def run(script: str) -> str:
        done = subprocess.run(
            ["bash", "-c", f"set -euo pipefail\n{script}"],
            cwd=place,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}"},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    key = SigningKey.create(place / "audit.key")
    secret = KeyRing(place / "keys.json").create("room-2", ["score"])[1]
    KeyFile(place / "retained.key").create()
    vault = Vault.open(place / "retained", place / "retained.key", create=True)
    vault.keep([offer("F0", b"pixels")], quietly)
    # It is copied while it is being written to.
    log = AuditLog.open(str(place / "audit.sqlite"), "main", key)
    for number in range(20):
        log.append("frame", {"n": number}).result()
    said = run(COPY)
    assert "entries 1 to 20" in said
    assert "1 frames are kept and can be read" in said
    log.close()

    for path in place.iterdir():
        if not path.name.startswith("backup"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    said = run(RESTORE)
    assert "Nothing was removed, edited or moved." in said
    assert "F0" in said
    assert Vault.open(place / "retained", place / "retained.key").read("F0")[1] == b"pixels"
    assert KeyRing(place / "keys.json").listed()
    assert secret
    # And it goes on, with a chain of another name.
    again = AuditLog.open(
        str(place / "audit.sqlite"), "main-2", SigningKey.read(place / "audit.key")
    )
    again.append("frame", {}).result()
    again.close()
    run("endolink audit verify audit.sqlite --public-key audit.key.pub")
