"""The locks of the service's image: whole, by hash, and of nobody's private index."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
# What the image and the machines it is told to run on are; Python as in deploy/Dockerfile.
PLATFORMS = [
    {
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "platform_machine": machine,
        "python_version": python,
        "python_full_version": f"{python}.1",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    for machine in ("x86_64", "aarch64")
    for python in ("3.11", "3.12", "3.13")
]


def entries(name: str) -> dict[Requirement, list[str]]:
    """Give what a lock names, with the hashes of each."""
    text = (DEPLOY / name).read_text().replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            named, *hashes = line.split("--hash=")
            found[Requirement(named)] = [each.strip() for each in hashes]
    return found


def pinned(name: str, platform: dict[str, str]) -> dict[str, Version]:
    found: dict[str, Version] = {}
    for entry in entries(name):
        if entry.marker is None or entry.marker.evaluate(platform):
            (specifier,) = entry.specifier
            assert specifier.operator == "=="
            assert entry.name not in found
            found[canonicalize_name(entry.name)] = Version(specifier.version)
    return found


@pytest.mark.parametrize("name", ["requirements.lock", "build.lock"])
def test_everything_is_named_by_hash(name: str) -> None:
    assert len(entries(name)) >= 1
    for entry, hashes in entries(name).items():
        assert entry.url is None
        assert hashes, entry
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)
    text = (DEPLOY / name).read_text()
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE), "no option of an index"


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda each: " ".join(each.values()))
def test_the_lock_holds_what_serving_needs(platform: dict[str, str]) -> None:
    held = pinned("requirements.lock", platform)
    for text in PROJECT["project"]["dependencies"]:
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate(platform):
            version = held.get(canonicalize_name(wanted.name))
            assert version is not None, f"{text}: `make lock`"
            assert version in wanted.specifier, f"{text}, {version} is locked: `make lock`"
    assert not {"torch", "torchvision", "onnx", "ray", "av"} & held.keys()
    build = pinned("build.lock", platform)
    for text in PROJECT["build-system"]["requires"]:
        wanted = Requirement(text)
        assert build[canonicalize_name(wanted.name)] in wanted.specifier


def test_the_image_installs_nothing_else() -> None:
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    installs = re.findall(r"\binstall\b[^&\n]*", text)
    assert len(installs) == 3
    for line in installs:
        assert "--require-hashes" in line or "--no-index" in line
        assert "--no-deps" in line
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert "!deploy/*.lock" in ignored
    for lock in re.findall(r"(deploy/\S+\.lock)", text):
        assert (REPOSITORY / lock).exists()


def test_the_locks_are_renewed_by_make(tmp_path: Path) -> None:
    made = (REPOSITORY / "Makefile").read_text()
    for lock in ("requirements.lock", "build.lock"):
        assert "make lock" in (DEPLOY / lock).read_text().splitlines()[1]
        assert f"--output-file deploy/{lock}" in made
