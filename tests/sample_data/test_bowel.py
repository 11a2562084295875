import numpy as np
import pytest

from endolink.sample_data.bowel import Bowel, cast, normals, smooth_min
from endolink.sample_data.scene import Camera, Polyp, Scene


@pytest.mark.parametrize("site", ["colon", "cecum", "capsule"])
def test_rays_end_on_a_surface(site: str) -> None:
    bowel = Bowel(Scene(seed=3, site=site))  # type: ignore[arg-type]
    hits = cast(bowel, Camera(), 96, 80)
    gap = bowel.gap(*hits.position)[hits.reached]
    assert np.quantile(np.abs(gap), 0.99) < 0.02
    assert hits.reached.mean() > 0.95


def test_normals_are_unit_and_face_the_scope() -> None:
    bowel = Bowel(Scene(seed=3))
    hits = cast(bowel, Camera(), 96, 80)
    normal = normals(bowel.gap, hits.position)
    np.testing.assert_allclose(np.linalg.norm(normal, axis=0), 1, atol=1e-4)
    towards = -np.sum(normal * hits.direction, axis=0)
    assert (towards[hits.reached] > 0).mean() > 0.98


def test_the_anchor_lies_on_the_wall() -> None:
    bowel = Bowel(Scene(seed=3))
    point, inward = bowel.anchor(40.0, 1.3)
    assert abs(float(bowel.wall(*point.astype(np.float32).reshape(3, 1))[0])) < 1e-3
    inside = (point + 0.1 * inward).astype(np.float32).reshape(3, 1)
    assert float(bowel.wall(*inside)[0]) > 0


def test_a_polyp_stands_out_of_the_wall() -> None:
    bowel = Bowel(Scene(seed=3, polyp=Polyp(angle=40, depth=1.3, size=0.5)))
    point, inward = bowel.anchor(40.0, 1.3)
    top = (point + 0.1 * inward).astype(np.float32).reshape(3, 1)
    assert float(bowel.wall(*top)[0]) > 0 > float(bowel.gap(*top)[0])


def test_the_cecum_is_closed_and_the_colon_is_not() -> None:
    ahead = np.array([[0.0], [0.0], [6.0]], np.float32)
    assert float(Bowel(Scene(seed=3, site="cecum")).wall(*ahead)[0]) < 0
    colon = Bowel(Scene(seed=3))
    ahead[0], ahead[1] = colon.centre(ahead[2])
    assert float(colon.wall(*ahead)[0]) > 0


def test_smooth_minimum_is_the_minimum_away_from_the_crease() -> None:
    a, b = np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 0.5]], np.float32)
    np.testing.assert_allclose(smooth_min(a, b, 0.2), [0.0, 0.0, 0.45], atol=1e-6)
