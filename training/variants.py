"""Further precisions of a bundle: int8, or bf16, each only through its gate."""

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from endolink.model.bundle import Bundle, describe, self_test_input, write
from endolink.model.calibration import probabilities
from endolink.model.errors import ExportRefused, ProviderUnavailable
from endolink.model.familiarity import Familiarity
from endolink.model.manifest import (
    FamiliarityRule,
    Gate,
    OperatingPoint,
    Precision,
    SelfTest,
    Variant,
)
from endolink.model.runtime import Provider, Session
from endolink.training.calibrate import operating_points, temperature
from endolink.training.frames import Frames
from endolink.training.gate import LEAST_AGREEMENT, MOST_LOST, Judging, reason, run, told
from endolink.training.quantize import WAYS, quantise
from endolink.training.recipe import Recipe
from endolink.training.shifted import AS_DRAWN, with_lesion

_PROVIDERS: tuple[Provider, ...] = ("cpu", "openvino")
_SECTION = "\n## Precisions\n"

Say = Callable[[str], None]


def add_variants(
    bundle: Bundle,
    precisions: Sequence[Precision],
    *,
    training: Frames,
    validation: Frames,
    judged: Frames,
    measured_on: str,
    folder: Path,
    say: Say,
) -> tuple[Bundle, dict[Precision, str]]:
    """Write the bundle into `folder`, with those of `precisions` that pass their gate.

    int8 is calibrated on `training` frames; each variant's temperature, operating points and
    familiarity come from `validation`, as those of fp32 do; the gate is on `judged` frames, none of
    which is in `training`. Gives the bundle, and for each refused precision why.
    """
    judging = Judging.of(bundle, judged, measured_on)
    manifest = bundle.manifest
    variants = [one for one in manifest.variants if one.precision not in precisions]
    files = dict(bundle.files)
    refused: dict[Precision, str] = {}
    for precision in precisions:
        try:
            graph, gates, made = (
                _int8(judging, training, say) if precision == "int8" else _bf16(judging, say)
            )
        except ExportRefused as error:
            refused[precision] = error.detail
            continue
        variant, parts = _variant(
            bundle, precision, graph, gates, made, training=training, validation=validation
        )
        variants.append(variant)
        files |= parts
    card = _card(files[manifest.card.file].decode(), variants).encode()
    files[manifest.card.file] = card
    made_manifest = replace(
        manifest, variants=tuple(variants), card=describe(manifest.card.file, card)
    )
    kept = {item.file for item in made_manifest.artifacts()}
    written = {name: data for name, data in files.items() if name in kept}
    return write(folder, made_manifest, written), refused


def _int8(judging: Judging, training: Frames, say: Say) -> tuple[bytes, tuple[Gate, ...], str]:
    """Try the ways in order, and take the first that passes on the built-in CPU provider."""
    reasons: list[str] = []
    tried: set[bytes] = set()
    for way in WAYS:
        graph = quantise(judging.graph, training, judging.preprocess, way)
        if graph in tried:
            continue
        tried.add(graph)
        gate = judging.measure(graph, "int8", "cpu")
        why = reason(gate)
        say(f"int8, {way.kept} kept, {way.method}: {told(gate)}: {why or 'passes'}")
        if why is None:
            return graph, (gate, *_passing(judging, graph, "int8", _PROVIDERS[1:], say)), str(way)
        reasons.append(f"{why} ({way})")
    raise ExportRefused(
        f"int8: none of {len(reasons)} ways of quantising passes; the first: {reasons[0]}"
    )


def _bf16(judging: Judging, say: Say) -> tuple[bytes, tuple[Gate, ...], str]:
    try:
        gate = judging.measure(judging.graph, "bf16", "openvino")
    except ProviderUnavailable as error:
        raise ExportRefused(f"bf16: {error.detail}") from error
    why = reason(gate)
    say(f"bf16: {told(gate)}: {why or 'passes'}")
    if why is not None:
        raise ExportRefused(f"bf16: {why}")
    return judging.graph, (gate,), "The graph of fp32, computed in bf16"


def _passing(
    judging: Judging, graph: bytes, precision: Precision, providers: Sequence[Provider], say: Say
) -> tuple[Gate, ...]:
    """Measure further providers; those that are not here, or do not pass, will not open it."""
    passed = []
    for provider in providers:
        with contextlib.suppress(ProviderUnavailable):
            gate = judging.measure(graph, precision, provider)
            why = reason(gate)
            say(f"{precision} on {provider}: {told(gate)}: {why or 'passes'}")
            passed += [gate] if why is None else []
    return tuple(passed)


def _variant(
    bundle: Bundle,
    precision: Precision,
    graph: bytes,
    gates: tuple[Gate, ...],
    made: str,
    *,
    training: Frames,
    validation: Frames,
) -> tuple[Variant, dict[str, bytes]]:
    """Calibrate a network that passed, on the provider that its first gate is of."""
    plain = bundle.manifest.variant("fp32")
    preprocess = bundle.manifest.preprocess
    providers: list[Provider] = [one for one in _PROVIDERS if one in {g.provider for g in gates}]
    sessions = [Session.open(graph, provider=one, precision=precision) for one in providers]
    outputs = run(sessions[0], validation, preprocess)
    warmth = temperature(outputs["logits"], validation.present, validation.known)
    asked, measured_on = _asked(plain.operating_points)
    points = operating_points(
        bundle.manifest.findings,
        probabilities(outputs["logits"], warmth),
        validation.present,
        validation.known,
        **asked,
        measured_on=measured_on,
    )
    points = with_lesion(
        points,
        lambda images: sessions[0].run(images)["logits"],
        validation,
        Recipe(size=preprocess.size),
        warmth=warmth,
        measured_on=measured_on,
    )
    learned = run(sessions[0], training, preprocess)["embedding"]
    statistics = Familiarity.fit(learned, outputs["embedding"]).to_bytes()
    familiarity = f"familiarity-{precision}.npz"
    # bf16 is a way of computing the same graph.
    network = plain.network.file if precision == "bf16" else f"model-{precision}.onnx"
    parts = {network: graph, familiarity: statistics}
    test = plain.self_test
    seeded = self_test_input(test.seed, preprocess.size)
    answers = [session.run(seeded)["logits"][0] for session in sessions]
    return Variant(
        precision=precision,
        network=describe(network, graph),
        gated_on=tuple(providers),
        temperature=warmth,
        operating_points=points,
        familiarity=FamiliarityRule(describe(familiarity, statistics), plain.familiarity.threshold),
        self_test=SelfTest(
            test.seed,
            tuple(float(value) for value in answers[0]),
            # As far as the precision itself may shift a logit: other processors round otherwise.
            max(test.tolerance, 2 * float(np.abs(answers[0] - np.asarray(test.logits)).max())),
        ),
        gates=gates,
        made=made,
    ), parts


def _asked(points: Sequence[OperatingPoint]) -> tuple[dict[str, float], str]:
    """Read what fp32's operating points hold, and on which frames, for the variant's to hold it."""
    for point in points:
        if found := re.match(r"(specificity|sensitivity) ([0-9.]+)", point.rule):
            return {found[1]: float(found[2])}, point.measured_on
    return {"specificity": 0.95}, points[0].measured_on.removesuffix(AS_DRAWN)


def _card(card: str, variants: Sequence[Variant]) -> str:
    """Say in the model card what each precision costs, in a section of its own at the end."""
    rows = [
        f"| {variant.precision} | {gate.provider} | {gate.agreement:.2%} | {gate.auroc_loss:.4f} "
        f"(`{gate.finding}`) | {gate.speedup:.2f} |"
        for variant in variants
        for gate in variant.gates
    ]
    before = card.partition(_SECTION)[0]
    if not rows:
        return before
    made = [
        f"{variant.precision}: {variant.made}. Temperature {variant.temperature:.3f}, thresholds "
        + ", ".join(f"`{point.code}` {point.threshold:.3f}" for point in variant.operating_points)
        + "."
        for variant in variants
        if variant.gates
    ]
    gate = next(gate for variant in variants for gate in variant.gates)
    about = (
        f"Beside fp32 on the built-in CPU provider, on {gate.frames:,} frames "
        f"({gate.measured_on}) that the network did not learn from. A precision is kept where at "
        f"least {LEAST_AGREEMENT:.0%} of the top findings stay and no finding loses more than "
        f"{MOST_LOST} of AUROC; the last column is of the machine that measured it, on one thread."
    )
    lines = [
        about,
        "",
        "| precision | provider | top finding stays | largest loss of AUROC | times as fast |",
        "| --- | --- | --- | --- | --- |",
        *rows,
        "",
        "\n\n".join(made),
    ]
    return before + _SECTION + "\n" + "\n".join(lines) + "\n"
