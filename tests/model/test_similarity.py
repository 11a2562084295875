import csv
import io
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from endolink import sample_data
from endolink.model.frame import Frame, decode
from endolink.model.preprocess import Preprocess, square
from endolink.model.similarity import (
    SAME_SCENE,
    SIZE,
    Glance,
    describe,
    describe_glance,
    distance,
    groups,
    twins,
)
from endolink.model.view import View, find_view

WIDTH, HEIGHT = 320, 256


@cache
def lumen(seed: int) -> NDArray[np.uint8]:
    """Paint a tunnel of folds that is another one for each seed, bright rim and dark middle."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    dx, dy = x - rng.uniform(-0.4, 0.4), y - rng.uniform(-0.4, 0.4)
    radius = np.hypot(dx, dy)
    wobble = rng.uniform(0.2, 0.8) * np.sin(
        rng.integers(2, 5) * np.arctan2(dy, dx) + rng.uniform(0, 6)
    )
    folds = np.sin(rng.uniform(5, 9) * np.log(radius + 0.1) + wobble + rng.uniform(0, 6))
    mottle = ndimage.gaussian_filter(rng.normal(size=(HEIGHT, WIDTH)), 12) * 12
    light = np.clip(0.25 + 0.5 * radius + 0.15 * folds + 0.1 * mottle, 0.05, 1)
    colour = np.array([230, rng.uniform(100, 160), rng.uniform(70, 120)])
    scene: NDArray[np.uint8] = np.clip(light[..., None] * colour, 0, 255).astype(np.uint8)
    return scene


def seen(pixels: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    frame = Frame(pixels, pixels.shape[1], pixels.shape[0], sha256="")
    shown = np.ones(pixels.shape[:2], bool) if mask is None else mask
    return describe(frame, View((0, 0, pixels.shape[1], pixels.shape[0]), shown))


def jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return decode(buffer.getvalue()).pixels


def test_descriptor_is_one_small_vector() -> None:
    descriptor = seen(lumen(0))
    assert (descriptor.shape, descriptor.dtype) == ((SIZE,), np.float32)
    assert distance(descriptor, descriptor) == 0


@pytest.mark.parametrize("seed", range(5))
def test_small_changes_leave_a_frame_its_twin(seed: int) -> None:
    pixels = lumen(seed)
    one = seen(pixels)
    zoomed = np.asarray(Image.fromarray(pixels).resize((WIDTH, HEIGHT), box=(6, 5, 314, 251)))
    for other in (
        jpeg(pixels, 30),
        np.roll(pixels, (4, 5), (0, 1)),
        zoomed,
        np.asarray(Image.fromarray(pixels).resize((160, 128))),
        (pixels * 0.8).astype(np.uint8),
        np.clip(pixels.astype(int) + 15, 0, 255).astype(np.uint8),
    ):
        assert distance(one, seen(other)) < SAME_SCENE / 2


def test_other_scenes_are_far() -> None:
    descriptors = np.stack([seen(lumen(seed)) for seed in range(30)])
    assert len(twins(descriptors)) == 0
    assert len(set(groups(descriptors))) == 30


def test_colour_alone_tells_scenes_apart() -> None:
    pixels = lumen(3)
    assert distance(seen(pixels), seen(np.ascontiguousarray(pixels[..., ::-1]))) > SAME_SCENE


@pytest.mark.parametrize("colour", [(0, 0, 0), (0, 200, 40)])
def test_an_inset_that_is_masked_changes_little(colour: tuple[int, int, int]) -> None:
    pixels, mask = lumen(1), np.ones((HEIGHT, WIDTH), bool)
    covered = pixels.copy()
    covered[170:, :90] = colour
    mask[170:, :90] = False
    assert distance(seen(pixels), seen(covered, mask)) < SAME_SCENE


def test_a_shared_inset_makes_no_twins() -> None:
    mask = np.ones((HEIGHT, WIDTH), bool)
    mask[170:, :90] = False
    descriptors = np.stack([seen(lumen(seed) * mask[..., None], mask) for seed in range(20)])
    assert len(twins(descriptors)) == 0


def test_a_square_says_what_its_frame_says() -> None:
    for path in sample_data.frames():
        frame = decode(path.read_bytes())
        view = find_view(frame)
        squared = describe_glance(Glance.of_square(square(frame, view, Preprocess()), view))
        # A tenth of what two frames of one scene may be apart.
        assert distance(squared, describe(frame, view)) < SAME_SCENE / 10


def test_a_frame_that_shows_nothing_is_described() -> None:
    dark = seen(np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH), bool))
    assert np.isfinite(dark).all()
    assert distance(dark, seen(lumen(0))) > SAME_SCENE


def test_a_burst_that_drifts_is_one_group() -> None:
    first, last = lumen(4).astype(float), lumen(5).astype(float)
    burst = [
        seen((first * (1 - share) + last * share).astype(np.uint8))
        for share in np.linspace(0, 1, 12)
    ]
    alone = [seen(lumen(seed)) for seed in (6, 7)]
    assert distance(burst[0], burst[-1]) > SAME_SCENE
    assert groups(np.stack([alone[0], *burst, alone[1]])).tolist() == [0, *[1] * 12, 2]


points = st.lists(st.tuples(*[st.integers(-8, 8)] * 2), max_size=60)
# The points' distances are whole halves; a reach lies between two of them, where rounding to
# float32 decides nothing.
reaches = st.integers(0, 20).map(lambda halves: halves / 2 + 0.25)


@given(points, reaches)
@settings(deadline=None)
def test_groups_are_the_components_of_the_twins(found: list[tuple[int, int]], reach: float) -> None:
    vectors = np.array(found, np.float32).reshape(-1, 2)
    label = list(range(len(vectors)))
    for one, other in twins(vectors, reach):
        assert one < other
        assert distance(vectors[one], vectors[other]) <= reach
        label = [label[one] if mark == label[other] else mark for mark in label]
    apart = ((vectors[:, None] - vectors) ** 2).sum(-1) / 2
    assert len(twins(vectors, reach)) == np.triu(apart <= reach, 1).sum()
    order = list(dict.fromkeys(label))
    assert groups(vectors, reach).tolist() == [order.index(mark) for mark in label]


def test_thousands_of_frames_are_grouped_across_blocks() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(700, 64)).astype(np.float32)
    scene = rng.permutation(np.repeat(np.arange(700), 5))
    vectors = centres[scene] + rng.normal(size=(3500, 64)).astype(np.float32) * 0.01
    found = groups(vectors)
    assert found.max() == 699
    assert all(len(set(found[scene == index])) == 1 for index in range(700))


def test_one_scene_of_thousands_stays_within_memory() -> None:
    assert groups(np.zeros((6000, 4), np.float32)).tolist() == [0] * 6000


@pytest.mark.shared
def test_real_bursts_are_grouped_and_scenes_do_not_chain(shared: Path) -> None:
    folder = shared / "data" / "hyper-kvasir"
    files = sorted(path for path in folder.rglob("*.jpg") if "impacted-stool" in str(path))
    files += sorted(path for path in folder.rglob("*.jpg") if "cecum" in str(path))[::8]
    descriptors = []
    for path in files:
        frame = decode(path.read_bytes(), min_side=224)
        descriptors.append(describe(frame, find_view(frame)))
    found = groups(np.stack(descriptors))
    stool, cecum = found[:96], found[96:]
    # 96 frames of impacted stool are half a dozen scenes, the cecum's are nearly all their own.
    assert len(set(stool)) <= 10
    assert len(set(cecum)) >= 0.8 * len(cecum)
    assert not set(stool) & set(cecum)
    with (folder / "2_fold_split.csv").open() as rows:
        fold = {row["file-name"]: row["split-index"] for row in csv.DictReader(rows, delimiter=";")}
    pairs = twins(np.stack(descriptors))
    names = [fold.get(path.name) or fold[path.stem] for path in files]
    assert any(names[one] != names[other] for one, other in pairs)


@pytest.mark.shared
def test_real_frames_are_described_alike_at_every_scale(shared: Path) -> None:
    for path in sorted((shared / "data" / "hyper-kvasir").rglob("*.jpg"))[::150]:
        data = path.read_bytes()
        full, reduced = decode(data), decode(data, min_side=112)
        apart = distance(describe(full, find_view(full)), describe(reduced, find_view(reduced)))
        assert apart < SAME_SCENE / 2
