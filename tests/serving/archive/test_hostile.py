"""Files that are wrong in every way: a run ends as it should, and says of each what is wrong."""

import io
import random
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydicom import uid

from endolink import sample_data
from tests import dicoms
from tests.serving.service import picture

pq = pytest.importorskip("pyarrow.parquet", reason="Parquet needs the archive extra")
pytest.importorskip("av", reason="video needs the archive extra")

PROGRAM = Path(sys.executable).with_name("endolink")
# What a process that has loaded the model and all libraries may come to: one of ten thousand sound
# files does not take less.
MOST_MB = 900
# Linux counts the memory of whoever starts a program as the program's own: a small one starts it.
MEASURE = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
WAYS = ("cut", "flipped", "wrong type", "inserted", "lying length", "nothing left")


def _packed(jpeg: bytes, dicom: bytes) -> list[tuple[str, bytes]]:
    """Containers with names that lead out of them, bombs, links, and sound members."""
    zipped, bomb, tarred, xz = (io.BytesIO() for _ in range(4))
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("../../escaped.jpg", "/escaped.jpg", "C:\\escaped.jpg", "sound.jpg"):
            file.writestr(name, jpeg)
        file.writestr("IM0001", dicom)
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bomb.jpg", bytes(2**25))
        file.writestr("bomb.dcm", bytes(128) + b"DICM" + bytes(2**25))
        file.writestr("inner.zip", zipped.getvalue())
    for made, mode in ((tarred, "w:gz"), (xz, "w:xz")):
        with tarfile.open(fileobj=made, mode=mode) as tar:  # type: ignore[call-overload]
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "../../escaped.jpg"
            tar.addfile(link)
            for name, data in (("../escaped.jpg", jpeg), ("sound.jpg", jpeg), ("IM1", dicom)):
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    return [
        ("zip", zipped.getvalue()),
        ("zip", bomb.getvalue()),
        ("tar.gz", tarred.getvalue()),
        ("tar.xz", xz.getvalue()),
    ]


def _sound(folder: Path) -> list[tuple[str, bytes]]:
    """A file of every kind that is read, by its suffix."""
    frames = [dicoms.picture(index) for index in range(3)]
    made = [
        dicoms.native(folder / "a", frames),
        dicoms.jpegs(folder / "b", [dicoms.jpeg(frame) for frame in frames]),
        dicoms.compressed(folder / "c", frames, uid.RLELossless),
        dicoms.compressed(folder / "d", frames, uid.JPEG2000Lossless),
        dicoms.native(folder / "e", frames, syntax=uid.DeflatedExplicitVRLittleEndian),
        dicoms.video(folder / "f", frames * 4),
    ]
    objects = [path.read_bytes() for path in made]
    jpeg = picture("JPEG", (96, 96))
    stills = [(kind.lower(), picture(kind, (96, 96))) for kind in ("PNG", "TIFF", "WEBP", "BMP")]
    film = sample_data.clip().read_bytes()[:60_000]
    return [
        ("jpg", jpeg),
        *stills,
        ("webm", film),
        *_packed(jpeg, objects[1]),
        *(("dcm", data) for data in objects),
    ]


def mutate(folder: Path, count: int, scratch: Path) -> None:
    """Write `count` files, each broken in one of `WAYS`."""
    chance = random.Random(11)
    sound = _sound(scratch)
    for number in range(count):
        suffix, data = chance.choice(sound)
        blob = bytearray(data)
        match WAYS[number % len(WAYS)]:
            case "cut":
                del blob[chance.randrange(len(blob)) :]
            case "flipped":
                for _ in range(chance.randint(1, 40)):
                    blob[chance.randrange(len(blob))] ^= 1 << chance.randrange(8)
            case "wrong type":
                suffix = chance.choice(sound)[0]
            case "inserted":
                at = chance.randrange(len(blob))
                blob[at:at] = chance.randbytes(chance.randint(1, 64))
            case "lying length":
                # Where headers keep lengths, and one that no memory holds, or just too many bytes.
                for _ in range(chance.randint(1, 4)):
                    at = chance.randrange(min(len(blob) - 4, 1500))
                    lie = chance.choice((0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 2**24, len(blob), 1))
                    blob[at : at + 4] = struct.pack(chance.choice("<>") + "I", lie)
            case _:
                blob = bytearray(chance.randbytes(chance.choice((0, 1, 300))))
        (folder / f"{number}.{suffix}").write_bytes(blob)


def _score(count: int, bundle: Path, tmp_path: Path) -> tuple[list[dict[str, Any]], float]:
    """Score mutants with the command; give all rows, and its peak memory in MB."""
    folder, out, scratch = tmp_path / "deep/in", tmp_path / "out", tmp_path / "scratch"
    folder.mkdir(parents=True)
    scratch.mkdir()
    mutate(folder, count, scratch)
    command = [PROGRAM, "score", folder, "--out", out, "--bundle", bundle, "--identifiers"]
    command += ["--format", "parquet", "--every", "0.4", "--threads", "2"]
    with (tmp_path / "said").open("wb") as said:
        measured = [sys.executable, "-c", MEASURE, *map(str, command)]
        done = subprocess.run(measured, stderr=said, stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0, (tmp_path / "said").read_text()
    used = int(done.stdout.split()[-1])
    paths = sorted(out.glob("studies/*/frames.parquet"))
    rows = [row for path in paths for row in pq.read_table(path).to_pylist()]
    # Every file is in the tables, with verdicts or with a reason.
    named = {Path(row["source"].partition("!")[0].partition("#")[0]) for row in rows}
    assert set(folder.iterdir()) - named == set()
    for row in rows:
        assert (row["error_code"] is None) != (row["sha256"] is None)
        assert row["error_code"] is None or row["error_detail"]
    assert not list(tmp_path.rglob("*escaped*"))
    left = {path.name for path in out.rglob("*") if path.is_file()}
    assert left == {"frames.parquet", "studies.csv", "ledger.sqlite"}
    assert "Traceback" not in (tmp_path / "said").read_text()
    return rows, used / 1024


def test_mutated_files_never_stop_a_run(classifier_bundle: Path, tmp_path: Path) -> None:
    rows, memory_mb = _score(300, classifier_bundle, tmp_path)
    codes = Counter(row["error_code"] for row in rows if row["error_code"])
    assert sum(codes.values()) > 150
    assert {"container-unsafe", "dicom-unreadable", "frame-truncated"} <= set(codes)
    assert memory_mb < MOST_MB


@pytest.mark.soak
def test_ten_thousand_mutated_files(classifier_bundle: Path, tmp_path: Path) -> None:
    rows, memory_mb = _score(10_000, classifier_bundle, tmp_path)
    codes = Counter(row["error_code"] for row in rows)
    print(f"peak {memory_mb:.0f} MB; {dict(codes.most_common())}")
    assert memory_mb < MOST_MB
