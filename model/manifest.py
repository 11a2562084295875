"""The manifest of a bundle: everything that the road needs, so that a bundle made elsewhere serves.

Every class here is frozen and checks itself: a manifest that exists is valid.
"""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from endolink.model.errors import BundleInvalid
from endolink.model.findings import FINDINGS
from endolink.model.preprocess import Positive, Preprocess, Unit

# JSON has no NaN, and every figure here is one.
_CLOSED = ConfigDict(extra="forbid", allow_inf_nan=False)

# A name in the bundle's own folder: never a path, never hidden.
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+([+-][0-9A-Za-z.-]+)?$")]
Count = Annotated[int, Field(ge=0)]
Precision = Literal["fp32", "bf16", "int8"]


@dataclass(frozen=True, config=_CLOSED)
class Artifact:
    """A file of the bundle: its name, size in bytes and digest."""

    file: FileName
    size: Count
    sha256: Sha256


@dataclass(frozen=True, config=_CLOSED)
class OperatingPoint:
    """Where a finding begins to be called present, and what that was measured to mean.

    `rule` is how the threshold was chosen, as in `specificity 0.95`; `measured_on` names the
    frames.
    """

    code: str
    threshold: Unit
    rule: str
    sensitivity: Unit
    specificity: Unit
    measured_on: str


@dataclass(frozen=True, config=_CLOSED)
class FamiliarityRule:
    """Where the familiarity's statistics lie, and the score below which a frame is unfamiliar."""

    statistics: Artifact
    threshold: Unit


@dataclass(frozen=True, config=_CLOSED)
class SelfTest:
    """A seeded input and the logits that this variant gave for it where it was exported.

    `tolerance` is the largest absolute difference of a logit that is still the same network.
    """

    seed: Count
    logits: tuple[float, ...]
    tolerance: Positive


@dataclass(frozen=True, config=_CLOSED)
class Gate:
    """What a precision cost on one execution provider, beside fp32 on the built-in one.

    `agreement` is the share of frames whose top finding stayed; `auroc_loss` the most that any
    finding lost, `finding` which one. `speedup` is how many times as fast a single frame went, on
    one thread of the machine that measured it.
    """

    provider: str
    measured_on: str
    frames: Count
    agreement: Unit
    auroc_loss: Annotated[float, Field(ge=-1.0, le=1.0)]
    finding: str
    speedup: Positive


@dataclass(frozen=True, config=_CLOSED)
class Variant:
    """One export of the network: precision shifts the numbers, so each has its own calibration.

    `gated_on` names the execution providers on which its parity was checked; a precision other than
    fp32 is opened on no other. `gates` is what was measured there, `made` how it was quantised.
    """

    precision: Precision
    network: Artifact
    gated_on: tuple[str, ...]
    temperature: Positive
    operating_points: tuple[OperatingPoint, ...]
    familiarity: FamiliarityRule
    self_test: SelfTest
    gates: tuple[Gate, ...] = ()
    made: str = ""


@dataclass(frozen=True, config=_CLOSED)
class ValidatedInput:
    """The poorest input measured to be judged alike: shorter side in pixels, JPEG quality."""

    min_side: Annotated[int, Field(ge=16)]
    jpeg_quality: Annotated[int, Field(ge=1, le=100)]


@dataclass(frozen=True, config=_CLOSED)
class Distribution:
    """What a figure of a frame was over the validation frames: drift is measured against it."""

    mean: float
    std: Annotated[float, Field(ge=0.0)]
    p05: float
    p50: float
    p95: float


@dataclass(frozen=True, config=_CLOSED)
class Source:
    """A data set that the network learned from."""

    name: str
    frames: Count
    licence: str
    citation: str


@dataclass(frozen=True, config=_CLOSED)
class Provenance:
    """How the network came to be: enough to make it again."""

    sources: tuple[Source, ...]
    split_rule: str
    seeds: tuple[int, ...]
    command: str
    git_commit: str | None
    libraries: dict[str, str]


@dataclass(frozen=True, config=_CLOSED)
class Figure:
    """A measured figure with its 95 % interval; `finding` is None where it is over all of them."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    finding: str | None = None


@dataclass(frozen=True, config=_CLOSED)
class Evaluation:
    """Figures, and what they were measured on."""

    measured_on: str
    frames: Count
    groups: Count
    figures: tuple[Figure, ...]


@dataclass(frozen=True, config=_CLOSED)
class Manifest:
    """The whole of `manifest.json`. `findings` are codes, in the order of the network's outputs.

    `reports` are the figures of `endolink evaluate` in full, as JSON; `evaluation` is their core.
    """

    name: Name
    version: Version
    findings: Annotated[tuple[str, ...], Field(min_length=1)]
    preprocess: Preprocess
    variants: Annotated[tuple[Variant, ...], Field(min_length=1)]
    validated_input: ValidatedInput
    reference: dict[str, Distribution]
    provenance: Provenance
    evaluation: tuple[Evaluation, ...]
    card: Artifact
    licence: str
    notice: str
    reports: tuple[Artifact, ...] = ()
    task: Literal["frame-findings"] = "frame-findings"
    schema_version: Literal[1] = 1

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        unknown = [code for code in self.findings if code not in FINDINGS]
        if unknown:
            raise ValueError(f"findings: not in the vocabulary: {', '.join(unknown)}")
        if len(set(self.findings)) != len(self.findings):
            raise ValueError("findings: a code stands twice")
        precisions = [variant.precision for variant in self.variants]
        if len(set(precisions)) != len(precisions):
            raise ValueError("variants: a precision stands twice")
        for variant in self.variants:
            codes = tuple(point.code for point in variant.operating_points)
            if codes != self.findings:
                raise ValueError("variants.operating_points: not one for each finding, in order")
            if len(variant.self_test.logits) != len(self.findings):
                raise ValueError("variants.self_test.logits: not one for each finding")
        return self

    def variant(self, precision: str) -> Variant:
        """Give the variant of this precision.

        Raises
        ------
        BundleInvalid
            The bundle holds none; the message names those that it holds.
        """
        for variant in self.variants:
            if variant.precision == precision:
                return variant
        held = ", ".join(variant.precision for variant in self.variants)
        raise BundleInvalid(f"variants: no {precision} in bundle {self.name}; it holds {held}")

    def fastest(self, provider: str) -> Variant:
        """Give the variant that passed its gate on `provider` and was measured fastest there.

        That is fp32 where no other was ever gated on it.
        """
        speeds = [
            (gate.speedup, variant)
            for variant in self.variants
            for gate in variant.gates
            if gate.provider == provider and provider in variant.gated_on
        ]
        speed, quickest = max(speeds, key=lambda one: one[0], default=(1.0, None))
        return quickest if quickest and speed > 1.0 else self.variant("fp32")

    def artifacts(self) -> tuple[Artifact, ...]:
        """List every file of the bundle beside the manifest itself."""
        files = {item.file: item for item in (self.card, *self.reports)}
        for variant in self.variants:
            statistics = variant.familiarity.statistics
            files |= {variant.network.file: variant.network, statistics.file: statistics}
        return tuple(files.values())

    def to_json(self) -> bytes:
        """Write the manifest as indented UTF-8 JSON."""
        return _JSON.dump_json(self, indent=2) + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> "Manifest":
        """Read a manifest.

        Raises
        ------
        BundleInvalid
            It is not JSON or breaks the schema; the message names the first field that is wrong.
        """
        try:
            return _JSON.validate_json(data)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "manifest.json"
            raise BundleInvalid(f"{field}: {first['msg']}") from None


_JSON: TypeAdapter[Manifest] = TypeAdapter(Manifest)
