"""What a phantom frame shows: a validated, immutable description that `phantom.render` draws.

Lengths inside the bowel are in lumen radii (the unobstructed radius of the tube is 1, some
20 mm in a colon). World axes follow the picture: x to the right, y downwards (gravity),
z along the bowel away from the scope. Pixel boxes are (x0, y0, x1, y1), half open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Box = tuple[int, int, int, int]
Colour = tuple[int, int, int]
Site = Literal["colon", "cecum", "capsule", "out-of-body"]
MaskShape = Literal["octagon", "circle", "rectangle", "rounded"]
PolypShape = Literal["sessile", "pedunculated"]
Soiling = Literal["clean", "residue", "poor", "impacted"]
Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right"]
Tint = Literal["salmon", "orange", "pale", "dusky"]
Quality = Literal["good", "dark", "blurred", "over-exposed", "out-of-body"]

_SMALLEST_SIDE = 64
_LARGEST_SIDE = 4096


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _one_of(name: str, value: str, allowed: object) -> None:
    choices = get_args(allowed)
    _require(value in choices, f"{name} is {value!r}, not one of {', '.join(choices)}")


def _within(name: str, value: float, low: float, high: float) -> None:
    _require(low <= value <= high, f"{name} is {value}, outside [{low}, {high}]")


def _inside(name: str, box: Box, width: int, height: int) -> None:
    x0, y0, x1, y1 = box
    _require(
        0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height,
        f"{name} {box} is empty or leaves the {width} x {height} frame",
    )


def _colour(name: str, colour: Colour) -> None:
    _require(
        len(colour) == 3 and all(0 <= channel <= 255 for channel in colour),
        f"{name} {colour} is not three values in 0..255",
    )


@dataclass(frozen=True)
class Polyp:
    """A polyp on the wall.

    `angle` in degrees clockwise from the right as the scope sees it, `depth` and `size` (its
    diameter) in lumen radii. Raises ValueError when out of range.
    """

    shape: PolypShape = "sessile"
    angle: float = 60.0
    depth: float = 1.2
    size: float = 0.45

    def __post_init__(self) -> None:
        _one_of("polyp shape", self.shape, PolypShape)
        _within("polyp angle", self.angle, -360.0, 360.0)
        _within("polyp depth", self.depth, -2.0, 40.0)
        _within("polyp size", self.size, 0.05, 1.2)


@dataclass(frozen=True)
class Camera:
    """Where the scope is and where it looks.

    `travel` along the bowel and `offset` from its middle in lumen radii, `yaw` (right), `pitch`
    (down) and `roll` in degrees, `field_of_view` in degrees over the view's height. Raises
    ValueError when out of range.
    """

    travel: float = 0.0
    offset: tuple[float, float] = (0.0, 0.0)
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    field_of_view: float = 120.0

    def __post_init__(self) -> None:
        _within("camera travel", self.travel, -2.0, 40.0)
        x, y = self.offset
        _require(x * x + y * y <= 0.45**2, f"camera offset {self.offset} would touch the wall")
        _within("camera yaw", self.yaw, -75.0, 75.0)
        _within("camera pitch", self.pitch, -75.0, 75.0)
        _within("camera roll", self.roll, -180.0, 180.0)
        _within("field of view", self.field_of_view, 60.0, 160.0)


@dataclass(frozen=True)
class Inset:
    """A navigation picture laid over one corner of the frame.

    `size` is (width, height) in pixels, `margin` its distance from the frame's edges. Raises
    ValueError when out of range.
    """

    corner: Corner = "bottom-left"
    colour: Colour = (0, 0, 0)
    size: tuple[int, int] = (200, 160)
    margin: int = 0

    def __post_init__(self) -> None:
        _one_of("inset corner", self.corner, Corner)
        _colour("inset colour", self.colour)
        _require(min(self.size) >= 8, f"inset size {self.size} is below 8 pixels")
        _require(self.margin >= 0, f"inset margin {self.margin} is negative")

    def box(self, width: int, height: int) -> Box:
        """Return the pixels that the inset covers in a frame of this size."""
        w, h = self.size
        x0 = self.margin if self.corner.endswith("left") else width - self.margin - w
        y0 = self.margin if self.corner.startswith("top") else height - self.margin - h
        return (x0, y0, x0 + w, y0 + h)


@dataclass(frozen=True)
class Text:
    """Lines of burned-in text, `size` pixels high, their top left corner at `at`.

    Raises ValueError when empty or out of range.
    """

    lines: tuple[str, ...]
    at: tuple[int, int] = (8, 8)
    size: int = 14
    colour: Colour = (235, 235, 235)

    def __post_init__(self) -> None:
        _require(
            len(self.lines) > 0 and all(line.strip() for line in self.lines),
            "text needs at least one line, none of them blank",
        )
        _require(
            all(line.isascii() and line.isprintable() for line in self.lines),
            "text must be printable ASCII: the built-in font has no other glyphs",
        )
        _require(min(self.at) >= 0, f"text position {self.at} is negative")
        _within("text size", self.size, 8, 64)
        _colour("text colour", self.colour)


@dataclass(frozen=True)
class Scene:
    """One frame of the phantom; the same scene always renders to the same bytes.

    `width` and `height` are the frame's, in pixels; `view` is the box of the scope's picture in
    it (None fills the frame). `blood` is the share of the wall that blood may cover, `liquid`
    the pool's depth in lumen radii, `gain` multiplies the automatic exposure, `blur` is a
    Gaussian's standard deviation in pixels, `smear` a motion blur's length in pixels,
    `jpeg_quality` re-encodes the frame before it is returned. Raises ValueError naming the field
    when anything is out of range or leaves the frame.
    """

    site: Site = "colon"
    seed: int = 0
    width: int = 640
    height: int = 512
    mask: MaskShape = "octagon"
    view: Box | None = None
    camera: Camera = Camera()
    tint: Tint = "salmon"
    polyp: Polyp | None = None
    soiling: Soiling = "clean"
    liquid: float = 0.0
    blood: float = 0.0
    bubbles: int = 0
    gain: float = 1.0
    blur: float = 0.0
    smear: float = 0.0
    insets: tuple[Inset, ...] = ()
    texts: tuple[Text, ...] = ()
    jpeg_quality: int | None = None

    def __post_init__(self) -> None:
        _one_of("site", self.site, Site)
        _one_of("mask", self.mask, MaskShape)
        _one_of("tint", self.tint, Tint)
        _one_of("soiling", self.soiling, Soiling)
        _within("seed", self.seed, 0, 2**32 - 1)
        _within("width", self.width, _SMALLEST_SIDE, _LARGEST_SIDE)
        _within("height", self.height, _SMALLEST_SIDE, _LARGEST_SIDE)
        _within("liquid", self.liquid, 0.0, 1.0)
        _within("blood", self.blood, 0.0, 1.0)
        _within("bubbles", self.bubbles, 0, 400)
        _within("gain", self.gain, 0.0, 20.0)
        _within("blur", self.blur, 0.0, 40.0)
        _within("smear", self.smear, 0.0, 120.0)
        if self.jpeg_quality is not None:
            _within("jpeg_quality", self.jpeg_quality, 1, 100)
        _inside("view", self.view_box, self.width, self.height)
        x0, y0, x1, y1 = self.view_box
        _require(min(x1 - x0, y1 - y0) >= _SMALLEST_SIDE, f"view {self.view_box} is too small")
        for inset in self.insets:
            _inside("inset", inset.box(self.width, self.height), self.width, self.height)
        for text in self.texts:
            _require(
                text.at[0] < self.width and text.at[1] < self.height,
                f"text at {text.at} lies outside the {self.width} x {self.height} frame",
            )
        if self.site == "out-of-body":
            _require(
                self.polyp is None
                and self.soiling == "clean"
                and self.blood == self.liquid == self.bubbles == 0,
                "outside the body there is no polyp, stool, blood, liquid or foam",
            )

    @property
    def view_box(self) -> Box:
        """The box of the scope's picture in the frame."""
        return (0, 0, self.width, self.height) if self.view is None else self.view

    @property
    def quality(self) -> Quality:
        """What spoils the frame for a reader, or `good`."""
        if self.site == "out-of-body":
            return "out-of-body"
        if self.gain < 0.15:
            return "dark"
        if self.gain > 4.0:
            return "over-exposed"
        if self.blur >= 4.0 or self.smear >= 12.0:
            return "blurred"
        return "good"
