"""The import direction of the house: training → model ← serving, and nothing else."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

ROOMS = ("model", "serving", "training", "sample_data")
MAY_IMPORT = {
    "model": {"model"},
    "serving": {"serving", "model", "sample_data"},
    "training": {"training", "model"},
    "sample_data": {"sample_data"},
}
NEVER = {
    "model": {"torch", "torchvision", "fastapi", "starlette", "uvicorn", "httpx"},
    "serving": {"torch", "torchvision"},
    "training": {"fastapi", "starlette", "uvicorn"},
    "sample_data": {"torch", "torchvision", "fastapi"},
}


def _imports(file: Path) -> Iterator[str]:
    """Name every module that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute here"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    files = sorted((REPOSITORY / room).rglob("*.py"))
    assert files
    for file in files:
        for name in _imports(file):
            top, *rest = name.split(".")
            assert top not in NEVER[room], f"{file} imports {name}"
            assert top not in {*ROOMS, "tests", "benchmarks"}, f"{file} imports {name}"
            if top == "endolink" and rest and rest[0] in ROOMS:
                assert rest[0] in MAY_IMPORT[room], f"{file} imports {name}"


@pytest.mark.parametrize(
    "module", ["serving.app", "serving.cli", "serving.archive.cli", "model.command"]
)
def test_what_serves_never_loads_torch(module: str) -> None:
    code = (
        f"import sys; from endolink import model; import endolink.{module}; "
        "from endolink.model.command import build; build(); "
        "sys.exit(bool({'torch', 'torchvision', 'onnx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert done.returncode == 0


def test_every_room_is_linked_under_the_distributions_name() -> None:
    for room in ROOMS:
        link = REPOSITORY / "src/endolink" / room
        assert link.is_symlink()
        assert link.resolve() == REPOSITORY / room


def test_tests_mirror_the_rooms() -> None:
    for room in ROOMS:
        for file in (REPOSITORY / room).rglob("*.py"):
            if file.stem.startswith("__"):
                continue
            inside = file.relative_to(REPOSITORY)
            test = REPOSITORY / "tests" / inside.with_name(f"test_{file.name}")
            assert test.is_file(), f"{inside} has no {test.relative_to(REPOSITORY)}"
