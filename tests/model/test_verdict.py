import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from endolink.model.verdict import VERDICT_JSON, Verdict

CONTRACT = {
    "request_id": "01J9ZQ4K7T3R4S5T6V7W8X9Y0Z",
    "model": {
        "name": "colonoscopy",
        "version": "1.0.0",
        "digest": "sha256:" + "0" * 64,
        "precision": "fp32",
        "provider": "openvino",
    },
    "frame": {
        "sha256": "0" * 64,
        "width": 1280,
        "height": 1024,
        "captured_at": None,
        "sequence": None,
    },
    "usable": True,
    "reasons": [],
    "familiar": True,
    "familiarity": 0.81,
    "findings": [
        {
            "code": "polyp",
            "label": "Polyp",
            "kind": "lesion",
            "probability": 0.93,
            "threshold": 0.41,
            "present": True,
            "box": [410, 288, 640, 512],
        },
        {
            "code": "cecum",
            "label": "Cecum",
            "kind": "landmark",
            "probability": 0.95,
            "threshold": 0.97,
            "present": False,
            "box": None,
        },
    ],
    "timing_ms": {"queue": 0.1, "decode": 2.9, "inference": 2.4, "total": 6.0},
    "age_ms": None,
}


def _read(**changes: object) -> Verdict:
    return VERDICT_JSON.validate_json(json.dumps(CONTRACT | changes))


def test_the_contracts_fields_are_exactly_these() -> None:
    assert json.loads(VERDICT_JSON.dump_json(_read())) == CONTRACT


def test_the_top_finding_is_the_most_probable_and_need_not_be_present() -> None:
    assert _read().top.code == "cecum"


def test_a_capture_time_keeps_its_zone() -> None:
    frame = CONTRACT["frame"] | {"captured_at": "2026-01-02T03:04:05.678Z"}  # type: ignore[operator]
    assert _read(frame=frame).frame.captured_at == datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)


@pytest.mark.parametrize("changes", [{"familiarity": 1.5}, {"usable": "perhaps"}, {"extra": 1}])
def test_anything_else_is_no_verdict(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        _read(**changes)
