"""Single frames of a multi-frame object over WADO-RS (PS3.18, 10.4): the rest is not transferred.

What this asks of a PACS not all of them give; whoever calls falls back on the whole object.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydicom import Dataset, uid

from endolink.model.errors import DicomCorrupt, PacsRefused
from endolink.model.frame import Limits
from endolink.serving.archive.sources.dicom_file import (
    STILL_CLASSES,
    DicomFrame,
    frame_of,
    times_of,
)
from endolink.serving.archive.sources.dicom_header import KEPT, integer_of
from endolink.serving.archive.sources.pixels import ENCAPSULATED, NATIVE, PixelFormat

# Frames of one request; no more of them are in memory.
_TOGETHER: Final = 8
_ACCEPT: Final = (
    'multipart/related; type="image/jpeg"; transfer-syntax=*, '
    'multipart/related; type="application/octet-stream"; transfer-syntax=*'
)


@dataclass(frozen=True)
class FramewiseObject:
    """A multi-frame object of stills in a PACS, of which the header is in hand.

    `client` is what speaks HTTP, `address` the object's own.
    """

    session: Any
    address: str
    header: Dataset
    limits: Limits
    timeout_s: float

    @classmethod
    def open(
        cls, session: Any, address: str, limits: Limits, timeout_s: float
    ) -> "FramewiseObject | None":
        """Fetch the header; None where the object is no multi-frame one of stills.

        Raises PacsRefused, and what the session raises.
        """
        answer = session.get(
            f"{address}/metadata",
            headers={"Accept": "application/dicom+json"},
            timeout=timeout_s,
        )
        answer.raise_for_status()
        (found,) = answer.json()
        # Whatever is not kept may be bulk data, which is not fetched either.
        names = {f"{tag:08X}" for tag in KEPT}
        plain = {name: item for name, item in found.items() if name in names}
        header = Dataset.from_json({n: i for n, i in plain.items() if "BulkDataURI" not in i})
        several = integer_of(header, "NumberOfFrames", 1) > 1
        if not several or str(header.get("SOPClassUID")) not in STILL_CLASSES:
            return None
        return cls(session, address, header, limits, timeout_s)

    @property
    def count(self) -> int:
        """How many frames the header promises."""
        return integer_of(self.header, "NumberOfFrames", 1)

    @property
    def times_s(self) -> list[float]:
        """The time of each frame in seconds since the first; nothing where none is known."""
        return times_of(self.header, self.count)

    def frames(self, numbers: list[int]) -> Iterator[DicomFrame]:
        """Fetch frames by their numbers, from 0, a few at a time.

        Raises PacsRefused where the PACS answers with something else, and what the session raises.
        """
        times = self.times_s
        for at in range(0, len(numbers), _TOGETHER):
            some = numbers[at : at + _TOGETHER]
            listed = ",".join(str(number + 1) for number in some)
            with self.session.get(
                f"{self.address}/frames/{listed}",
                headers={"Accept": _ACCEPT},
                stream=True,
                timeout=self.timeout_s,
            ) as answer:
                answer.raise_for_status()
                most = (self.limits.max_bytes + 1024) * len(some)
                body = answer.raw.read(most + 1, decode_content=True)
                kind = answer.headers.get("Content-Type", "")
            if len(body) > most:
                raise PacsRefused("The PACS sent more than the frames that were asked for.")
            parts = list(split(body, kind))
            if len(parts) != len(some):
                raise PacsRefused("The PACS sent another number of frames than was asked for.")
            for number, (syntax, data) in zip(some, parts, strict=True):
                if syntax not in NATIVE | ENCAPSULATED:
                    raise PacsRefused("The PACS does not say how its frames are stored.")
                pixel_format = PixelFormat.of(self.header, uid.UID(syntax))
                yield frame_of(data, number, times[number] if times else None, pixel_format)


def split(body: bytes, content_type: str) -> Iterator[tuple[str, bytes]]:
    """Give the parts of a multipart message (RFC 2046, 5.1), each after its transfer syntax.

    Raises PacsRefused where it is none.
    """
    match = re.search(r'boundary="?([^";]+)', content_type)
    if match is None:
        raise PacsRefused("The PACS sent something else than frames.")
    for part in (b"\r\n" + body).split(b"\r\n--" + match[1].encode())[1:]:
        if part.startswith(b"--"):
            return
        head, blank, data = part.partition(b"\r\n\r\n")
        named = re.search(rb'transfer-syntax="?([0-9.]+)', head)
        if not blank:
            raise PacsRefused("The PACS sent something else than frames.")
        yield (named[1].decode() if named else str(uid.ExplicitVRLittleEndian)), data
    raise DicomCorrupt("The PACS's answer ends early.")
