"""The phantom's committed frames and clip, rendered by this package, with their ground truth.

No patient is in them: every pixel is computed. `endolink.sample_data.phantom.render` makes more;
`python -m endolink.sample_data OUT` makes these again.
"""

import json
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


def frames() -> list[Path]:
    """List the committed stills, in order of name."""
    return sorted((_HERE / "frames").glob("*.jpg"))


def clip() -> Path:
    """Return the committed ten-second clip (VP9 in WebM), a polyp passing through it."""
    return _HERE / "clip.webm"


def truth() -> dict[str, Any]:
    """Load the ground truth of every still and every frame of the clip, as README.md describes."""
    loaded: dict[str, Any] = json.loads((_HERE / "truth.json").read_text(encoding="utf-8"))
    return loaded


__all__ = ["clip", "frames", "truth"]
