import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from endolink.model.egress import EgressSettings
from endolink.model.errors import EgressRefused
from endolink.serving.archive.sinks.fhir import FhirSink
from endolink.serving.archive.study import StudyResult
from tests.dicoms import PATIENT
from tests.serving.archive.verdicts import verdict

# What R4 requires of each resource written here, and the codes that its status may have.
REQUIRED = {
    "Patient": {"identifier"},
    "Device": {"identifier", "deviceName"},
    "ImagingStudy": {"status", "subject", "modality"},
    "Observation": {"status", "code", "subject", "device", "valueQuantity"},
    "DiagnosticReport": {"status", "code", "subject", "imagingStudy", "conclusion"},
}


def bundle(
    result: StudyResult, folder: Path, rules: EgressSettings, **options: bool
) -> dict[str, Any]:
    FhirSink(rules, **options).write(result, folder)
    loaded: dict[str, Any] = json.loads((folder / "fhir.json").read_text(encoding="utf-8"))
    return loaded


def references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if "reference" in value else []
        return own + [one for inner in value.values() for one in references(inner)]
    if isinstance(value, list):
        return [one for inner in value for one in references(inner)]
    return []


def test_the_bundle_is_whole(result: StudyResult, tmp_path: Path) -> None:
    found = bundle(result, tmp_path, EgressSettings())
    assert (found["resourceType"], found["type"]) == ("Bundle", "collection")
    urls = {entry["fullUrl"] for entry in found["entry"]}
    assert len(urls) == len(found["entry"])
    assert all(re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", url) for url in urls)
    assert set(references(found)) <= urls
    for entry in found["entry"]:
        resource = entry["resource"]
        assert REQUIRED[resource["resourceType"]] <= resource.keys()


@pytest.mark.parametrize("identifiers", [False, True])
def test_each_resource_is_valid_r4(
    result: StudyResult, tmp_path: Path, everything: EgressSettings, identifiers: bool
) -> None:
    bundle(result, tmp_path, everything, identifiers=identifiers)
    written = (tmp_path / "fhir.json").read_text(encoding="utf-8")
    # R4B differs from R4 in none of the resources that are written here.
    whole = Bundle.model_validate_json(written)
    assert len(whole.entry or ()) == 4 + sum(key.finding is not None for key in result.key_frames)
    with pytest.raises(ValueError, match="conclusive"):
        Bundle.model_validate_json(written.replace('"conclusion"', '"conclusive"'))


def test_it_waits_for_a_clinician(result: StudyResult, tmp_path: Path) -> None:
    resources = [entry["resource"] for entry in bundle(result, tmp_path, EgressSettings())["entry"]]
    (report,) = (one for one in resources if one["resourceType"] == "DiagnosticReport")
    assert report["status"] == "preliminary"
    assert report["conclusion"] == result.notice
    (device,) = (one for one in resources if one["resourceType"] == "Device")
    assert device["identifier"][0]["value"] == result.model.digest
    seen = [one for one in resources if one["resourceType"] == "Observation"]
    assert [one["valueQuantity"]["value"] for one in seen] == pytest.approx(
        [key.finding.probability for key in result.key_frames if key.finding], abs=1e-6
    )


def test_it_names_nobody_unless_asked(
    result: StudyResult, tmp_path: Path, everything: EgressSettings
) -> None:
    uid = result.study_uid or ""
    text = json.dumps(bundle(result, tmp_path, EgressSettings()))
    assert not any(value in text for value in (*PATIENT.values(), uid))
    assert uid in json.dumps(bundle(result, tmp_path, everything, identifiers=True))


def test_it_asks_before_it_writes(result: StudyResult, tmp_path: Path) -> None:
    with pytest.raises(EgressRefused, match="identifiers"):
        bundle(
            result, tmp_path, EgressSettings().model_copy(update={"egress": ()}), identifiers=True
        )
    assert not list(tmp_path.iterdir())


def test_only_a_colonoscopy_is_called_one(result: StudyResult, tmp_path: Path) -> None:
    seen = verdict({"bleeding": 0.9})
    capsule = replace(result, frames=[replace(next(iter(result.frames)), outcome=seen)])
    for one, codes in ((result, ["18746-8"]), (capsule, [])):
        resources = [e["resource"] for e in bundle(one, tmp_path, EgressSettings())["entry"]]
        (report,) = (found for found in resources if found["resourceType"] == "DiagnosticReport")
        assert [coding["code"] for coding in report["code"].get("coding", [])] == codes
        assert "not a diagnosis" in report["code"]["text"]
