"""The face that everyone uses: bytes in, verdicts out.

classifier = Classifier.open()
(verdict,) = classifier.score([Path("frame.jpg").read_bytes()])
"""

import base64
import io
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from ulid import ULID

from endolink.model.activation import bound, shade
from endolink.model.bundle import Bundle
from endolink.model.calibration import probabilities
from endolink.model.findings import finding
from endolink.model.frame import Frame, Limits
from endolink.model.manifest import Variant
from endolink.model.preprocess import Placement, normalise, place, read, square
from endolink.model.quality import Quality, assess
from endolink.model.runtime import Provider, Session
from endolink.model.signature import check
from endolink.model.signer import Signers
from endolink.model.similarity import Glance, describe_glance
from endolink.model.verdict import (
    Box,
    ExplainedVerdict,
    FindingVerdict,
    FrameIdentity,
    Heatmap,
    ModelIdentity,
    Timing,
    Verdict,
)
from endolink.model.view import View

Explain = Literal["none", "box", "heatmap"]

# Between decoding and the network, which need no lock of the interpreter's, lie some hundred short
# steps in numpy, each of which lets go of it. Two threads that take such steps together hand it to
# and fro, which costs more than the steps: one at a time, two judge a third more small frames.
_STEPS: Final = Lock()


@dataclass(frozen=True, eq=False)
class Prepared:
    """A frame that is ready for the network: `tensor` is float32 3×size×size.

    `square` is what it was made from, uint8 size×size×3: the view, and paint around it.
    `decode_ms` is what it took to come here from the bytes, in milliseconds; `captured_at` (with a
    time zone) and `sequence` are the sender's own and come back in the verdict.
    """

    frame: Frame
    view: View
    quality: Quality
    square: NDArray[np.uint8]
    tensor: NDArray[np.float32]
    placement: Placement
    decode_ms: float
    captured_at: datetime | None = None
    sequence: int | None = None


class Classifier:
    """A verified bundle with its network loaded, warmed up and safe to use from several threads."""

    def __init__(
        self, bundle: Bundle, variant: Variant, session: Session, limits: Limits | None = None
    ) -> None:
        self.bundle = bundle
        self.limits = limits or Limits()
        manifest = bundle.manifest
        self.identity = ModelIdentity(
            manifest.name, manifest.version, bundle.digest, variant.precision, session.provider
        )
        self._preprocess = manifest.preprocess
        self._variant = variant
        self._session = session
        self._familiarity = bundle.familiarity(variant)
        self.findings = tuple(finding(code) for code in manifest.findings)

    @property
    def thresholds(self) -> dict[str, float]:
        """The probability at which each finding begins to be called present, by its code."""
        return {point.code: point.threshold for point in self._variant.operating_points}

    @property
    def fell_back(self) -> bool:
        """Whether a faster execution provider is installed, and failed on this machine."""
        return self._session.fell_back

    @property
    def unfamiliar_below(self) -> float:
        """The familiarity, in [0, 1], below which a frame is unfamiliar."""
        return self._variant.familiarity.threshold

    @classmethod
    def open(
        cls,
        path: Path | None = None,
        *,
        provider: Provider = "auto",
        threads: int | None = None,
        precision: str = "fp32",
        limits: Limits | None = None,
        signers: Signers | None = None,
    ) -> "Classifier":
        """Open the bundle in folder `path`, or the one that comes with EndoLink.

        `threads` are those that one run of the network may use; None takes all that the container's
        quota allows. `precision` names one of the bundle's variants; `auto` takes the fastest that
        passed its gate on the provider. `limits` bound what is decoded. With `signers` nothing is
        loaded unless one of them has signed it, or it is the bundle that comes with EndoLink.

        Raises
        ------
        BundleError
            One of its kinds: missing, invalid, tampered with, untrusted, or its self-test failed.
        ProviderUnavailable
            The provider asked for is not here.
        """
        bundle = Bundle.open(path)
        if signers is not None:
            check(bundle, signers)
        return cls.of(
            bundle, provider=provider, threads=threads, precision=precision, limits=limits
        )

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        *,
        provider: Provider = "auto",
        threads: int | None = None,
        precision: str = "fp32",
        limits: Limits | None = None,
    ) -> "Classifier":
        """Load the network of a bundle that was read: from the bytes that were, and no others.

        Raises
        ------
        BundleInvalid, BundleSelfTestFailed, ProviderUnavailable
            As `open` does.
        """
        variant = bundle.manifest.variant("fp32" if precision == "auto" else precision)
        session = bundle.session(variant, provider=provider, threads=threads)
        if precision == "auto":
            # Which provider computes here is known only once full precision has been opened.
            fastest = bundle.manifest.fastest(session.provider)
            if fastest is not variant:
                quicker = bundle.session(fastest, provider=provider, threads=threads)
                quicker.fell_back |= session.fell_back
                variant, session = fastest, quicker
        return cls(bundle, variant, session, limits)

    def prepare(
        self,
        image: bytes | Frame,
        *,
        declared: str | None = None,
        captured_at: datetime | None = None,
        sequence: int | None = None,
        reduced: bool = True,
    ) -> Prepared:
        """Walk the road up to the network's input; `declared` is a media type or a file suffix.

        Raises
        ------
        FrameError
            One of its kinds, as `decode` says.
        """
        start = time.perf_counter()
        frame, view = read(
            image,
            self._preprocess,
            limits=self.limits,
            declared=declared,
            reduced=reduced,
            steps=_STEPS,
        )
        with _STEPS:
            quality = assess(frame, view)
            canvas = square(frame, view, self._preprocess)
            tensor = normalise(canvas, self._preprocess)
        placement = place(view, self._preprocess.size)
        elapsed = (time.perf_counter() - start) * 1e3
        return Prepared(
            frame, view, quality, canvas, tensor, placement, elapsed, captured_at, sequence
        )

    def judge(self, prepared: Sequence[Prepared], *, explain: Explain = "none") -> list[Verdict]:
        """Run the network once over a batch and say what it points at, frame by frame.

        `explain="box"` adds, to each finding that is present, the box that speaks for it;
        `"heatmap"` makes each an `ExplainedVerdict`, with the whole map of such findings beside.
        """
        if not prepared:
            return []
        start = time.perf_counter()
        outputs = self._session.run(np.stack([item.tensor for item in prepared]))
        chances = probabilities(outputs["logits"], self._variant.temperature)
        familiarity = self._familiarity.score(outputs["embedding"])
        inference_ms = (time.perf_counter() - start) * 1e3
        maps = outputs["activation"] if explain != "none" else [None] * len(prepared)
        verdicts = [
            self._verdict(item, chances[row], float(familiarity[row]), maps[row], inference_ms)
            for row, item in enumerate(prepared)
        ]
        if explain == "heatmap":
            return [
                self._explained(verdict, item, outputs["activation"][row])
                for row, (verdict, item) in enumerate(zip(verdicts, prepared, strict=True))
            ]
        return verdicts

    def describe(self, glances: Sequence[Glance]) -> list[NDArray[np.float32]]:
        """Describe frames as `endolink.model.similarity` does, which takes many short steps too.

        Tell of several at once: each time, a thread may wait until another has taken its own.
        """
        with _STEPS:
            return [describe_glance(glance) for glance in glances]

    def outputs(self, prepared: Sequence[Prepared]) -> dict[str, NDArray[np.float32]]:
        """Give what the network itself says of a batch of one or more.

        `logits` are [N, findings], `embedding` [N, D], `activation` [N, findings, h, w]: for those
        who measure the network, where `judge` is for those who use it.
        """
        return self._session.run(np.stack([item.tensor for item in prepared]))

    def rehearse(self, frames: int, *, frugal: bool = False) -> None:
        """Run the network once over so many empty frames: to warm up, or to see what it takes.

        With `frugal` the memory that larger runs took is given back.
        """
        size = self._preprocess.size
        self._session.run(np.zeros((frames, 3, size, size), np.float32), frugal=frugal)

    def score(self, images: Iterable[bytes | Frame], *, explain: Explain = "none") -> list[Verdict]:
        """Score images one after the other: the bare road.

        Raises
        ------
        FrameError
            At the first image that cannot be read; `prepare` them one by one to pass it over.
        """
        return [self.judge([self.prepare(image)], explain=explain)[0] for image in images]

    def _verdict(
        self,
        item: Prepared,
        chances: NDArray[np.float64],
        familiarity: float,
        maps: NDArray[np.float32] | None,
        inference_ms: float,
    ) -> Verdict:
        frame = item.frame
        findings = tuple(
            FindingVerdict(
                code=point.code,
                label=known.label,
                kind=known.kind,
                probability=float(chance),
                threshold=point.threshold,
                present=bool(chance >= point.threshold),
                box=self._box(item, maps[column])
                if maps is not None and chance >= point.threshold
                else None,
            )
            for column, (known, point, chance) in enumerate(
                zip(self.findings, self._variant.operating_points, chances, strict=True)
            )
        )
        return Verdict(
            request_id=str(ULID()),
            model=self.identity,
            frame=FrameIdentity(
                frame.sha256, frame.width, frame.height, item.captured_at, item.sequence
            ),
            usable=item.quality.usable,
            reasons=item.quality.reasons,
            familiar=familiarity >= self._variant.familiarity.threshold,
            familiarity=familiarity,
            findings=findings,
            timing_ms=Timing(
                queue=0.0,
                decode=item.decode_ms,
                inference=inference_ms,
                total=item.decode_ms + inference_ms,
            ),
            age_ms=_age_ms(item.captured_at),
        )

    def _explained(
        self, verdict: Verdict, item: Prepared, maps: NDArray[np.float32]
    ) -> ExplainedVerdict:
        heatmaps = []
        for column, found in enumerate(verdict.findings):
            if found.present:
                size = self._preprocess.size
                shades, box = shade(maps[column], item.placement, size, item.view, item.frame)
                png = io.BytesIO()
                Image.fromarray(shades).save(png, "PNG")
                heatmaps.append(Heatmap(found.code, box, base64.b64encode(png.getvalue()).decode()))
        known = {field.name: getattr(verdict, field.name) for field in fields(verdict)}
        return ExplainedVerdict(**known, heatmaps=tuple(heatmaps))

    def _box(self, item: Prepared, activation: NDArray[np.float32]) -> Box:
        return bound(activation, item.placement, self._preprocess.size, item.frame)


def _age_ms(captured_at: datetime | None) -> float | None:
    if captured_at is None:
        return None
    # A sender's clock that runs ahead must not make a verdict younger than new.
    return max(0.0, (datetime.now(UTC) - captured_at).total_seconds() * 1e3)
