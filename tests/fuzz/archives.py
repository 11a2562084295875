"""Small ZIP and TAR files with sound members, and with what does harm."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

from endolink import sample_data
from tests.fuzz.pictures import pictures


def members() -> dict[str, bytes]:
    """What an archive may hold, by its name."""
    jpeg = pictures()["plain.jpeg"]
    return {
        "study/1.jpg": jpeg,
        "../escaped.jpg": jpeg,
        "/escaped.jpg": b"x",
        "__MACOSX/1.jpg": b"x",
        "inner.zip": b"PK\x03\x04",
        "film.webm": sample_data.clip().read_bytes()[:600],
        "object": bytes(128) + b"DICM",
        "study/1.png": b"",
    }


def zipped(held: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Pack a ZIP that has no time in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, data in held.items():
            packed.writestr(zipfile.ZipInfo(name), data, compression)
    return out.getvalue()


def tarred(held: dict[str, bytes], layout: int = tarfile.USTAR_FORMAT) -> bytes:
    """Pack a TAR with a link and a device beside the members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=layout) as packed:
        for name, data in held.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            packed.addfile(entry, io.BytesIO(data))
        for name, kind in (("link", tarfile.SYMTYPE), ("device", tarfile.CHRTYPE)):
            odd = tarfile.TarInfo(name)
            odd.type, odd.linkname = kind, "../../escaped.jpg"
            packed.addfile(odd)
    return out.getvalue()


def zips() -> dict[str, bytes]:
    """ZIP files, by a name that says what is in them."""
    held = members()
    bomb = {"bomb.jpg": bytes(2**22)}
    return {
        "whole.zip": zipped(held),
        "stored.zip": zipped({"a.jpg": held["study/1.jpg"]}, zipfile.ZIP_STORED),
        "bzip2.zip": zipped({"a.jpg": b"x"}, zipfile.ZIP_BZIP2),
        "lzma.zip": zipped({"a.jpg": b"x"}, zipfile.ZIP_LZMA),
        "bomb.zip": zipped(bomb),
        "empty.zip": zipped({}),
        "again.zip": zipped({"a.jpg": b"x"}) + zipped({"b.jpg": b"y"}),
    }


def tars() -> dict[str, bytes]:
    """TAR files, by a name that says what is in them."""
    held = members()
    plain = tarred({"a.jpg": b"x", "../b.jpg": b"y"})
    long = tarred({"folder/" * 40 + "a.jpg": b"x", "é.jpg": b"y"}, tarfile.PAX_FORMAT)
    return {
        "whole.tar.xz": lzma.compress(tarred(held)),
        "plain.tar": plain,
        "gnu.tar.gz": gzip.compress(
            tarred({"folder/" * 40 + "a.jpg": b"x"}, tarfile.GNU_FORMAT), mtime=0
        ),
        "pax.tar.bz2": bz2.compress(long),
        "pax.tar": long[:8192],
        "bomb.tar.gz": gzip.compress(tarred({"bomb.jpg": bytes(2**22)}), mtime=0),
        "sparse.tar": plain.replace(b"0\0\0\0\0\0\0\0\0\0\0", b"S\0\0\0\0\0\0\0\0\0\0", 1),
    }
