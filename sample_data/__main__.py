"""`python -m endolink.sample_data OUT`: render the committed stills, clip and truth again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from PIL import Image

from endolink.sample_data.catalogue import STILLS
from endolink.sample_data.film import FRAME_COUNT, FRAMES_PER_SECOND, scene_at, write_clip
from endolink.sample_data.phantom import Truth, render
from endolink.sample_data.scene import Scene

_SAVED_QUALITY = 86


def _place(scene: Scene, truth: Truth) -> dict[str, Any]:
    """Where things lie in every frame of a scene."""
    return {
        "width": scene.width,
        "height": scene.height,
        "quality": truth.quality,
        "view_box": scene.view_box,
        "view_polygon": [[round(x, 1), round(y, 1)] for x, y in truth.view_polygon],
        "inset_boxes": truth.inset_boxes,
        "text_boxes": truth.text_boxes,
    }


def _findings(truth: Truth) -> dict[str, Any]:
    return {
        "findings": truth.findings,
        "polyp_box": truth.polyp_box,
        "polyp_area": int(truth.polyp_mask.sum()),
    }


def write_stills(out: Path) -> dict[str, Any]:
    """Render the catalogue into `out`/frames; return the truth by file name."""
    (out / "frames").mkdir(parents=True, exist_ok=True)
    truths = {}
    for name, scene in STILLS.items():
        rendered = render(scene)
        path = out / "frames" / f"{name}.jpg"
        Image.fromarray(rendered.frame).save(path, quality=_SAVED_QUALITY, optimize=True)
        truths[path.name] = _findings(rendered.truth) | _place(scene, rendered.truth)
    return truths


def write_all(out: Path) -> None:
    """Stills, clip and `truth.json`, one line a still and one a frame of the clip."""
    stills = write_stills(out)
    frames = write_clip(out / "clip.webm")
    film = {"file": "clip.webm", "frame_count": FRAME_COUNT}
    film |= {"frames_per_second": FRAMES_PER_SECOND} | _place(scene_at(0), frames[0])
    still_lines = ",\n".join(f"  {json.dumps(n)}: {json.dumps(t)}" for n, t in stills.items())
    frame_lines = ",\n".join(f"   {json.dumps(_findings(truth))}" for truth in frames)
    text = f'{{"stills": {{\n{still_lines}\n }},\n "clip": {json.dumps(film)[:-1]},\n'
    text += f'  "frames": [\n{frame_lines}\n  ]}}}}\n'
    (out / "truth.json").write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m endolink.sample_data", description=__doc__)
    parser.add_argument("out", type=Path, help="folder to write into")
    write_all(parser.parse_args().out)


if __name__ == "__main__":
    main()
