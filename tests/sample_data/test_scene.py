from collections.abc import Callable

import pytest

from endolink.sample_data.scene import Camera, Inset, Polyp, Scene, Text


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Scene(site="stomach"), "site"),  # type: ignore[arg-type]
        (lambda: Scene(mask="hexagon"), "mask"),  # type: ignore[arg-type]
        (lambda: Scene(tint="green"), "tint"),  # type: ignore[arg-type]
        (lambda: Scene(soiling="awful"), "soiling"),  # type: ignore[arg-type]
        (lambda: Scene(seed=-1), "seed"),
        (lambda: Scene(width=10), "width"),
        (lambda: Scene(height=100_000), "height"),
        (lambda: Scene(view=(0, 0, 641, 512)), "view"),
        (lambda: Scene(view=(100, 100, 100, 300)), "view"),
        (lambda: Scene(view=(0, 0, 20, 20)), "too small"),
        (lambda: Scene(liquid=1.5), "liquid"),
        (lambda: Scene(blood=-0.1), "blood"),
        (lambda: Scene(blood=float("nan")), "blood"),
        (lambda: Scene(bubbles=10_000), "bubbles"),
        (lambda: Scene(gain=-1), "gain"),
        (lambda: Scene(blur=100), "blur"),
        (lambda: Scene(smear=-2), "smear"),
        (lambda: Scene(jpeg_quality=0), "jpeg_quality"),
        (lambda: Scene(insets=(Inset(size=(700, 100)),)), "inset"),
        (lambda: Scene(texts=(Text(("A",), at=(640, 0)),)), "text"),
        (lambda: Scene(site="out-of-body", polyp=Polyp()), "outside the body"),
        (lambda: Scene(site="out-of-body", blood=0.5), "outside the body"),
        (lambda: Polyp(shape="flat"), "polyp shape"),  # type: ignore[arg-type]
        (lambda: Polyp(size=3), "polyp size"),
        (lambda: Polyp(angle=720), "polyp angle"),
        (lambda: Camera(offset=(0.4, 0.4)), "touch the wall"),
        (lambda: Camera(yaw=90), "yaw"),
        (lambda: Camera(field_of_view=10), "field of view"),
        (lambda: Inset(corner="middle"), "inset corner"),  # type: ignore[arg-type]
        (lambda: Inset(colour=(0, 300, 0)), "inset colour"),
        (lambda: Inset(size=(2, 2)), "inset size"),
        (lambda: Text(()), "at least one line"),
        (lambda: Text(("  ",)), "blank"),
        (lambda: Text(("姓名",)), "ASCII"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(make: Callable[[], object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()


@pytest.mark.parametrize(
    ("corner", "box"),
    [
        ("top-left", (5, 5, 65, 45)),
        ("top-right", (575, 5, 635, 45)),
        ("bottom-left", (5, 467, 65, 507)),
        ("bottom-right", (575, 467, 635, 507)),
    ],
)
def test_an_inset_lies_in_its_corner(corner: str, box: tuple[int, int, int, int]) -> None:
    inset = Inset(corner, size=(60, 40), margin=5)  # type: ignore[arg-type]
    assert inset.box(640, 512) == box


def test_quality_follows_from_what_spoils_the_frame() -> None:
    assert Scene().quality == "good"
    assert Scene(gain=0.05).quality == "dark"
    assert Scene(gain=9).quality == "over-exposed"
    assert Scene(blur=6).quality == "blurred"
    assert Scene(smear=30).quality == "blurred"
    assert Scene(site="out-of-body").quality == "out-of-body"
