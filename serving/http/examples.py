"""The examples of the documentation. A test runs each command, and reads each answer strictly."""

from typing import Any

BASE = "http://127.0.0.1:8000"

FRAMES = (
    f"curl -sS --data-binary @frame.jpg '{BASE}/v1/frames'",
    f"curl -sS --data-binary @frame.jpg '{BASE}/v1/frames?explain=box&sequence=17'",
    f"curl -sS --data-binary @frame.jpg '{BASE}/v1/frames?deadline_ms=1000'",
    f"curl -sS -F frame=@frame.jpg '{BASE}/v1/frames?explain=heatmap'",
)
BATCH = (f"curl -sS -F frame=@frame.jpg -F frame=@frame.jpg '{BASE}/v1/frames:batch'",)
METRICS = (f"curl -sS '{BASE}/metrics'",)
RELOAD = (f"curl -sS -X POST '{BASE}/v1/models:reload'",)
ACTIVATE = (f"curl -sS -X POST '{BASE}/v1/models:activate?model=colonoscopy&version=1.0.0'",)
MODELS = (f"curl -sS '{BASE}/v1/models'",)
HEALTHZ = (f"curl -sS '{BASE}/healthz'",)
ACCESS = (f"curl -sS '{BASE}/v1/access'",)
READYZ = (f"curl -sS '{BASE}/readyz'",)

SERVER = (f"curl -sS '{BASE}/v2'",)
LIVE = (f"curl -sS '{BASE}/v2/health/live'",)
READY = (f"curl -sS '{BASE}/v2/health/ready'",)
# "/MODEL" stands for a model's path.
MODEL = (f"curl -sS '{BASE}/MODEL'",)
_BEFORE = '{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":["'
_BODY = f"{{ printf '{_BEFORE}'; base64 < frame.jpg | tr -d '\\n'; printf '\"]}}]}}'; }}"
INFER = (f"{_BODY} | curl -sS --data-binary @- '{BASE}/MODEL'",)

VERDICT: dict[str, Any] = {
    "request_id": "01K9VJ6Z3M6T0W2QH4XN8B5RDE",
    "model": {
        "name": "colonoscopy",
        "version": "1.0.0",
        "digest": "sha256:9f2c1d0b7a3e4f5867981a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f",
        "precision": "fp32",
        "provider": "openvino",
    },
    "frame": {
        "sha256": "4be1c02b7d5a3f9e8c6d5b4a392817060f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "width": 1280,
        "height": 1024,
        "captured_at": None,
        "sequence": 17,
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
            "probability": 0.02,
            "threshold": 0.5,
            "present": False,
            "box": None,
        },
    ],
    "timing_ms": {"queue": 0.1, "decode": 2.9, "inference": 2.4, "total": 6.0},
    "age_ms": None,
}
