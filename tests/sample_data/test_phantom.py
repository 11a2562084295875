from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from endolink.sample_data.phantom import render
from endolink.sample_data.scene import Inset, Polyp, Scene, Text

SMALL = Scene(seed=3, width=240, height=192)
POLYP = replace(SMALL, polyp=Polyp(angle=70, depth=0.95, size=0.6))


def test_the_same_scene_gives_the_same_bytes() -> None:
    first, second = render(POLYP), render(POLYP)
    assert first.frame.tobytes() == second.frame.tobytes()
    assert (first.truth.polyp_mask == second.truth.polyp_mask).all()
    assert render(replace(POLYP, seed=4)).frame.tobytes() != first.frame.tobytes()


def test_frame_and_masks_have_the_scenes_size() -> None:
    scene = replace(SMALL, width=400, height=300, view=(30, 20, 270, 212), mask="circle")
    rendered = render(scene)
    assert rendered.frame.shape == (300, 400, 3)
    assert rendered.frame.dtype == np.uint8
    assert rendered.truth.view_mask.shape == (300, 400)
    rows, columns = np.nonzero(rendered.truth.view_mask)
    assert columns.min() >= 30
    assert columns.max() < 270
    assert rows.min() >= 20
    assert rows.max() < 212
    assert rendered.frame[~rendered.truth.view_mask].max() == 0
    assert rendered.frame[rendered.truth.view_mask].mean() > 60


def test_the_polyp_lies_in_the_view_and_in_its_box() -> None:
    truth = render(POLYP).truth
    assert truth.findings == ("polyp", "bbps-2-3")
    assert truth.polyp_box is not None
    x0, y0, x1, y1 = truth.polyp_box
    assert not (truth.polyp_mask & ~truth.view_mask).any()
    inside = truth.polyp_mask[y0:y1, x0:x1]
    assert inside.sum() == truth.polyp_mask.sum() > 500
    edges = (inside[0], inside[-1], inside[:, 0], inside[:, -1])
    assert all(edge.any() for edge in edges)


def test_a_polyp_changes_the_picture_where_it_is() -> None:
    with_polyp, without = render(POLYP), render(SMALL)
    change = np.abs(with_polyp.frame.astype(int) - without.frame.astype(int)).mean(axis=2)
    mask = with_polyp.truth.polyp_mask
    assert change[mask].mean() > 4 * change[~mask].mean()


def test_an_inset_hides_what_lies_under_it() -> None:
    x0, y0, _, _ = render(POLYP).truth.polyp_box or (0, 0, 0, 0)
    size = (SMALL.width - x0, SMALL.height - y0)
    truth = render(replace(POLYP, insets=(Inset("bottom-right", (20, 110, 50), size),))).truth
    assert truth.polyp_box is None
    assert truth.findings == ("bbps-2-3",)
    assert truth.inset_boxes == ((x0, y0, SMALL.width, SMALL.height),)


def test_text_is_reported_a_line_a_box() -> None:
    scene = replace(SMALL, texts=(Text(("PHANTOM, ADA", "01/02/2030"), at=(4, 60), size=10),))
    assert len(render(scene).truth.text_boxes) == 2


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"soiling": "residue"}, "bbps-2-3"),
        ({"soiling": "poor"}, "bbps-0-1"),
        ({"soiling": "impacted"}, "impacted-stool"),
        ({"site": "cecum"}, "cecum"),
        ({"blood": 0.6}, "bleeding"),
    ],
)
def test_findings_name_what_was_drawn(change: dict[str, object], finding: str) -> None:
    plain = render(SMALL)
    rendered = render(replace(SMALL, **change))  # type: ignore[arg-type]
    assert finding in rendered.truth.findings
    difference = np.abs(rendered.frame.astype(int) - plain.frame.astype(int))
    assert difference[plain.truth.view_mask].mean() > 1


def test_what_shows_nothing_has_no_finding() -> None:
    dark = render(replace(POLYP, gain=0.04))
    assert dark.truth.findings == ()
    assert dark.frame[dark.truth.view_mask].mean() < 30
    assert render(Scene(site="out-of-body", width=240, height=192)).truth.findings == ()


def test_exposure_and_blur_do_what_they_say() -> None:
    plain = render(SMALL)
    view = plain.truth.view_mask
    assert render(replace(SMALL, gain=9)).frame[view].mean() > plain.frame[view].mean() + 40

    def sharpest(frame: NDArray[np.uint8]) -> float:
        steps = np.abs(np.diff(frame[60:130, 60:180].astype(float), axis=1))
        return float(np.quantile(steps, 0.995))

    assert sharpest(render(replace(SMALL, blur=6)).frame) < 0.5 * sharpest(plain.frame)


def test_jpeg_quality_leaves_its_marks() -> None:
    plain, squeezed = render(SMALL).frame, render(replace(SMALL, jpeg_quality=15)).frame
    assert 0.5 < np.abs(plain.astype(int) - squeezed.astype(int)).mean() < 15


def test_stool_on_a_polyp_is_not_the_polyp() -> None:
    bare, buried = render(POLYP), render(replace(POLYP, soiling="impacted"))
    assert buried.truth.polyp_mask.sum() < 0.5 * bare.truth.polyp_mask.sum()
