"""An audit log on disk, and a PostgreSQL of the test's own."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from endolink.serving.audit.checkpoint import SigningKey


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.create(tmp_path_factory.mktemp("keys") / "audit.key")


def _programs() -> Path | None:
    """Where PostgreSQL's programs are: Debian does not put them on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def _quietly(folder: str, command: list[str | Path]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of our own, in a folder of its own; its address."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed (Debian's postgresql)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # PostgreSQL refuses to run as root.
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with TemporaryDirectory(prefix="pg", dir="/tmp") as folder:
        if user:
            shutil.chown(folder, "postgres")
        data = f"{folder}/data"
        options = "--auth=trust", "--username=audit", "--encoding=UTF8", "--no-sync"
        _quietly(folder, [*user, programs / "initdb", "-D", data, *options])
        flags = f"-p {port} -k {folder} -h 127.0.0.1 -c fsync=off"
        control = [*user, str(programs / "pg_ctl"), "-D", data, "-w", "-l", f"{folder}/log"]
        _quietly(folder, [*control, "-o", flags, "start"])
        try:
            yield f"postgresql://audit@127.0.0.1:{port}/postgres"
        finally:
            _quietly(folder, [*control, "-m", "immediate", "stop"])


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each kind of database in turn."""
    if request.param == "sqlite":
        return str(tmp_path / "audit.sqlite")
    address = str(request.getfixturevalue("postgresql"))
    monkeypatch.setenv("ENDOLINK_EGRESS", f"verdicts={address.replace('audit@', '')}")
    return address
