"""FHIR R4: a bundle of a DiagnosticReport and what it is about, as plain JSON.

https://hl7.org/fhir/R4/diagnosticreport.html and imagingstudy.html. The report is `preliminary` and
its performer a device: it waits for a clinician.
"""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from endolink import __version__
from endolink.model.egress import DataKind, EgressSettings, require
from endolink.model.findings import finding
from endolink.model.verdict import Verdict
from endolink.serving.archive.sinks import whole
from endolink.serving.archive.study import KeyFrame, StudyResult

_DICOM_UIDS: Final = "urn:dicom:uid"
_SNOMED: Final = "http://snomed.info/sct"
_LOINC: Final = "http://loinc.org"
_FINDINGS: Final = "urn:endolink:findings"
_PSEUDONYMS: Final = "urn:endolink:pseudonyms"
_UCUM: Final = "http://unitsofmeasure.org"


class FhirSink:
    """Writes `fhir.json`; with `identifiers` it carries the study's UID, else its pseudonym."""

    def __init__(self, rules: EgressSettings, *, identifiers: bool = False) -> None:
        self._rules = rules
        self._identifiers = identifiers

    def write(self, result: StudyResult, destination: Path) -> None:
        """Write the bundle; raises EgressRefused."""
        kinds: set[DataKind] = {"verdicts"}
        if self._identifiers:
            kinds.add("identifiers")
        require(frozenset(kinds), destination, self._rules)
        bundle = self.bundle(result)
        with whole(destination / "fhir.json") as partial:
            partial.write_text(
                json.dumps(bundle, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
            )

    def bundle(self, result: StudyResult) -> dict[str, Any]:
        """Give the bundle: Patient, Device, ImagingStudy, Observations and DiagnosticReport."""
        name = result.pseudonym
        patient, device, study, report = (
            _urn(name, what) for what in ("patient", "device", "study", "report")
        )
        observations = {
            _urn(name, f"observation {number}"): _observation(key, patient, device)
            for number, key in enumerate(result.key_frames, 1)
            if key.finding is not None
        }
        identifier = {"system": _PSEUDONYMS, "value": name}
        if self._identifiers and result.study_uid is not None:
            identifier = {"system": _DICOM_UIDS, "value": f"urn:oid:{result.study_uid}"}
        resources: dict[str, dict[str, Any]] = {
            patient: {
                "resourceType": "Patient",
                "identifier": [{"system": _PSEUDONYMS, "value": name}],
            },
            device: _device(result),
            study: {
                "resourceType": "ImagingStudy",
                "identifier": [identifier],
                "status": "available",
                "modality": [
                    {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "ES"}
                ],
                "subject": {"reference": patient},
                "numberOfInstances": result.total,
            },
            **observations,
            report: {
                "resourceType": "DiagnosticReport",
                "status": "preliminary",
                "code": _code(result),
                "subject": {"reference": patient},
                "issued": datetime.now(UTC).isoformat(timespec="seconds"),
                "performer": [{"display": _performer(result)}],
                "result": [{"reference": reference} for reference in observations],
                "imagingStudy": [{"reference": study}],
                "conclusion": result.notice,
            },
        }
        return {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"fullUrl": url, "resource": one} for url, one in resources.items()],
        }


def _code(result: StudyResult) -> dict[str, Any]:
    """Say what was read: a colonoscopy, by LOINC, where the model knows nothing but the colon."""
    text = {"text": "Computer-assisted reading of an endoscopy; not a diagnosis"}
    verdicts = (frame.outcome for frame in result.frames if isinstance(frame.outcome, Verdict))
    verdict = next(verdicts, None)
    if verdict is None or any(finding(f.code).region != "lower" for f in verdict.findings):
        return text
    return {"coding": [{"system": _LOINC, "code": "18746-8"}], **text}


def _performer(result: StudyResult) -> str:
    return f"EndoLink model {result.model.name} {result.model.version}"


def _device(result: StudyResult) -> dict[str, Any]:
    return {
        "resourceType": "Device",
        "identifier": [{"system": "urn:endolink:bundles", "value": result.model.digest}],
        "manufacturer": "EndoLink",
        "deviceName": [{"name": result.model.name, "type": "model-name"}],
        "version": [{"value": result.model.version}, {"value": f"EndoLink {__version__}"}],
    }


def _observation(key: KeyFrame, patient: str, device: str) -> dict[str, Any]:
    assert key.finding is not None
    known = finding(key.finding.code)
    coding = [{"system": _FINDINGS, "code": known.code, "display": known.label}]
    if known.snomed is not None:
        coding.append({"system": _SNOMED, "code": known.snomed, "display": known.label})
    return {
        "resourceType": "Observation",
        "status": "preliminary",
        "code": {"coding": coding, "text": known.label},
        "subject": {"reference": patient},
        "device": {"reference": device},
        "valueQuantity": {
            "value": round(key.finding.probability, 6),
            "system": _UCUM,
            "code": "1",
        },
        "note": [{"text": f"Calibrated probability in picture {key.frame.number + 1}."}],
    }


def _urn(name: str, what: str) -> str:
    """Give a resource's address: the same for the same study."""
    digest = hashlib.sha256(f"{name}\0{what}".encode()).digest()
    return f"urn:uuid:{UUID(bytes=digest[:16], version=5)}"
