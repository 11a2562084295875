"""What a running service keeps: beside the requests, never in their way, and not for ever."""

import hashlib
import io
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from queue import Empty, Full, Queue
from typing import Final

from PIL import Image
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import JsonValue

from endolink.model.errors import EndoLinkError
from endolink.model.frame import Frame
from endolink.model.verdict import Verdict
from endolink.serving.audit.log import AuditLog
from endolink.serving.logs import log
from endolink.serving.retention.record import Deletion, KeptFrame, Purpose, Signer
from endolink.serving.retention.settings import RetentionSettings
from endolink.serving.retention.vault import Offer, Vault

logger = logging.getLogger(__name__)

# Frames that wait to be written, and how many are written together. A disk that is slower loses
# what is to be kept, and nobody's verdict.
_WAITING: Final = 64
_TOGETHER: Final = 16
# How often it is looked whether a frame's time is over.
EXPIRY_S: Final = 60.0
_DAY_S: Final = 86_400
_OUTCOMES: Final = ("kept", "dropped", "full", "failed")

_Offered = tuple[str, tuple[str, ...], bytes | Frame, Verdict]


class Keeper(Collector):
    """Keeps the frames that the rule covers, on a thread of its own, and deletes them in time.

    `offer` never waits. Each frame that is kept, and each that is deleted, is an entry of the audit
    log, noted before; without it nothing is kept.
    """

    def __init__(
        self,
        vault: Vault,
        settings: RetentionSettings,
        audit: AuditLog,
        signer: Signer,
        *,
        every_s: float = EXPIRY_S,
    ) -> None:
        assert settings.retain_purpose is not None
        assert settings.retain_days is not None
        self._vault, self._settings, self._audit, self._signer = vault, settings, audit, signer
        self._purpose: Purpose = settings.retain_purpose
        self._seconds = settings.retain_days * _DAY_S
        self._every_s = every_s
        self._offered: Queue[_Offered | None] = Queue(_WAITING)
        self._counts = dict.fromkeys(_OUTCOMES, 0)
        self._held = vault.held()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
        self._thread.start()

    def offer(self, who: str, image: bytes | Frame, verdict: Verdict) -> None:
        """Keep the frame of `verdict` if the rule covers it; where too many wait, it is dropped."""
        why = self._settings.why(who, verdict)
        if not why or self._closing:
            return
        try:
            self._offered.put_nowait((who, why, image, verdict))
        except Full:
            self._counts["dropped"] += 1

    def collect(self) -> Iterator[Metric]:
        """Count, for a monitoring system, what became of the frames that the rule covered."""
        outcomes = CounterMetricFamily(
            "endolink_retained_frames",
            "Frames that retention covered: kept; dropped because too many waited; not kept "
            "because the limit of bytes was reached, or because writing failed.",
            labels=("outcome",),
        )
        for outcome, count in self._counts.items():
            outcomes.add_metric((outcome,), count)
        yield outcomes
        yield GaugeMetricFamily(
            "endolink_retained_bytes", "Bytes of frames that are kept.", value=self._held
        )

    def close(self) -> None:
        """Keep what was offered, and stop."""
        self._closing = True
        self._offered.put(None)
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        open_ = True
        while open_:
            if time.monotonic() >= due:
                self._expire()
                due = time.monotonic() + self._every_s
            offered, open_ = self._wait(max(0.0, due - time.monotonic()))
            if offered:
                self._keep(offered)

    def _wait(self, seconds: float) -> tuple[list[_Offered], bool]:
        offered: list[_Offered] = []
        try:
            item = self._offered.get(timeout=seconds)
            while item is not None:
                offered.append(item)
                if len(offered) == _TOGETHER:
                    return offered, True
                item = self._offered.get_nowait()
        except Empty:
            return offered, True
        return offered, False

    def _keep(self, offered: Sequence[_Offered]) -> None:
        offers: list[Offer] = []
        for who, why, image, verdict in offered:
            data = image if isinstance(image, bytes) else _png(image)
            if self._held + sum(len(each.data) for each in offers) + len(data) > (
                self._settings.retain_bytes
            ):
                self._counts["full"] += 1
                continue
            offers.append(Offer(self._about(who, why, data, verdict), data))
        if not offers:
            return
        try:
            self._vault.keep(offers, self._note)
        except Exception as error:  # noqa: BLE001 - the thread's end would keep nothing any more
            self._counts["failed"] += len(offers)
            self._complain("frames cannot be kept", error)
            return
        self._counts["kept"] += len(offers)
        self._held += sum(len(each.data) for each in offers)

    def _about(self, who: str, why: tuple[str, ...], data: bytes, verdict: Verdict) -> KeptFrame:
        now = int(time.time())
        return KeptFrame(
            id=verdict.request_id,
            who=who,
            frame=verdict.frame.sha256,
            model=verdict.model.digest,
            purpose=self._purpose,
            why=why,
            kept_at=now,
            expires=now + self._seconds,
            size=len(data),
            content=hashlib.sha256(data).hexdigest(),
        )

    def _note(self, frames: Sequence[KeptFrame]) -> None:
        noted = [self._audit.append("retained", entry_of(frame)) for frame in frames]
        for done in noted:
            done.result()

    def _expire(self) -> None:
        try:
            deleted = self._vault.expire(self._signer)
            for each in deleted:
                self._audit.append("deleted", deletion_entry(each)).result()
            if deleted:
                self._held = self._vault.held()
                log(logger, logging.INFO, "kept frames deleted", frames=len(deleted))
        except Exception as error:  # noqa: BLE001 - it is tried again
            self._complain("kept frames cannot be deleted", error)

    def _complain(self, what: str, error: Exception) -> None:
        code = error.code if isinstance(error, EndoLinkError) else type(error).__name__
        log(logger, logging.ERROR, what, error=code)


def entry_of(frame: KeptFrame) -> dict[str, JsonValue]:
    """Give what the audit log keeps of a frame that is kept."""
    return {
        "request": frame.id,
        "who": frame.who,
        "frame": frame.frame,
        "content": frame.content,
        "purpose": frame.purpose,
        "why": [*frame.why],
        "expires": frame.expires,
    }


def deletion_entry(deletion: Deletion) -> dict[str, JsonValue]:
    """Give what the audit log keeps of a frame that was deleted: the record and its signature."""
    return {**deletion.fields, "key_id": deletion.key_id, "signature": deletion.signature.hex()}


def _png(frame: Frame) -> bytes:
    # What came as numbers, the Open Inference Protocol's pixels, has no file of its own.
    written = io.BytesIO()
    Image.fromarray(frame.pixels).save(written, "PNG", compress_level=1)
    return written.getvalue()
