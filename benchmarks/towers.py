"""More screens that training never draws: what stands around the view in other endoscopy rooms.

They were drawn after the rules by which `model/view.py` tells a view from such surroundings were
fixed, and differ from what those were tried on. One bound was moved after `wall` had been seen: how
dark a ground may be. The last two are newer than that.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from benchmarks.screens import Pixels, Screen, cut_out, fields, framed
from endolink.model.frame import Frame
from endolink.model.view import View


def window(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Show the view in a window of capture software: menus, a list, a strip of stills, a footer."""
    picture, shape = cut_out(frame, view)
    tone = int(rng.integers(215, 245))
    screen = Image.new("RGB", (1920, 1080), (tone, tone - 1, tone - 6))
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, 1920, 34), fill=(0, 90, 158) if rng.random() < 0.5 else (250, 250, 250))
    for button in range(14):
        x = 12 + 64 * button
        face = tuple(int(level) for level in rng.integers(60, 220, 3))
        draw.rounded_rectangle((x, 44, x + 48, 92), 6, fill=face, outline=(150, 150, 150))
    draw.rectangle((1500, 104, 1908, 700), fill=(255, 255, 255), outline=(140, 140, 140))
    for line in range(18):
        if line % 2:
            draw.rectangle((1502, 112 + 32 * line, 1906, 143 + 32 * line), fill=(232, 238, 247))
    fields(draw, (1520, 120), rng, rows=12, size=22)
    for still in range(int(rng.integers(3, 7))):
        small = ImageChops.offset(picture, 40 * still, 0).resize((210, 170))
        screen.paste(small, (14 + 226 * still, 870))
    draw.rectangle((0, 1050, 1920, 1080), fill=(tone - 25, tone - 25, tone - 20))
    _show(screen, picture, shape, (20, 110, 1480, 850), black=bool(rng.random() < 0.5))
    return framed(frame, screen)


def second_picture(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Lay the narrow-band twin over a corner of the view; a record lamp; video's black at 16."""
    picture, shape = cut_out(frame, view)
    screen = Image.new("RGB", (1920, 1080))
    x0, y0, x1, y1 = _show(screen, picture, shape, (420, 0, 1900, 1080))
    wide, high = round(0.27 * (x1 - x0)), round(0.27 * (y1 - y0))
    right = bool(rng.random() < 0.5)
    at = (x1 - wide - 8 if right else x0 + 8, y0 + 8)
    screen.paste(_narrow_band(picture).resize((wide, high)), at)
    draw = ImageDraw.Draw(screen)
    if rng.random() < 0.5:
        draw.rectangle((at[0], at[1], at[0] + wide, at[1] + high), outline=(210, 210, 90), width=3)
    draw.ellipse((24, 24, 56, 56), fill=(220, 30, 30))
    fields(draw, (24, 90), rng, rows=8, size=24)
    levels = np.asarray(screen, np.float32) * (219 / 255) + 16
    noisy = levels + rng.normal(0, 2.5, levels.shape).astype(np.float32)
    return framed(frame, Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)))


def side_by_side(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Show the view beside its somewhat smaller narrow-band twin, on a ground that fades."""
    picture, shape = cut_out(frame, view)
    begins, ends = rng.uniform(18, 70, 2)
    fade = np.linspace(begins, ends, 1920)[None, :, None] * np.array([0.9, 1.0, 1.15])
    ground = np.broadcast_to(fade, (1080, 1920, 3)).astype(np.uint8)
    screen = Image.fromarray(ground)
    draw = ImageDraw.Draw(screen)
    black = bool(rng.random() < 0.5)
    _show(screen, picture, shape, (30, 60, 1080, 1020), black=black)
    _show(screen, _narrow_band(picture), shape, (1110, 200, 1890, 900), black=black)
    fields(draw, (1120, 930), rng, rows=2, size=28)
    return framed(frame, screen)


def tape(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Show the view as an old recorder does: fields, dark lines, smeared colours, grey bars."""
    picture, shape = cut_out(frame, view)
    bars = int(rng.integers(0, 60))
    screen = Image.new("RGB", (768, 576), (bars, bars, bars))
    screen.paste((0, 0, 0), (70, 0, 698, 576))
    _show(screen, picture, shape, (90, 20, 680, 550))
    fields(ImageDraw.Draw(screen), (80, 500), rng, rows=1, size=20)
    light, blue, red = screen.convert("YCbCr").split()
    smear = ImageFilter.BoxBlur(4)
    joined = Image.merge("YCbCr", (light, blue.filter(smear), red.filter(smear))).convert("RGB")
    pixels = np.array(joined, np.float32)
    pixels[1::2] = np.roll(pixels[1::2], int(rng.integers(1, 4)), axis=1) * 0.7
    pixels += rng.normal(0, 4, pixels.shape)
    pixels[:6] = pixels[-4:] = 0
    return framed(frame, Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))


def wall(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Show the view beside the room's camera and the curves of a vital-signs monitor."""
    picture, shape = cut_out(frame, view)
    screen = Image.new("RGB", (1920, 1080), (8, 8, 10))
    left = bool(rng.random() < 0.5)
    area = (0, 0, 1200, 1080) if left else (720, 0, 1920, 1080)
    _show(screen, picture, shape, area)
    beside = 1216 if left else 16
    room = Image.fromarray(rng.integers(70, 190, (7, 9, 3), np.uint8)).convert("L").convert("RGB")
    room = room.resize((688, 500), Image.Resampling.BICUBIC)
    people = ImageDraw.Draw(room)
    for x in rng.uniform(60, 560, 3):
        people.ellipse((x, 150, x + 70, 230), fill=(190, 150, 130))
        people.rectangle((x - 25, 230, x + 95, 500), fill=(60, 130, 140))
    screen.paste(room, (beside, 20))
    draw = ImageDraw.Draw(screen)
    along = np.arange(688)
    for row, ink in enumerate(((60, 240, 90), (90, 200, 250), (250, 240, 90))):
        beat = np.abs(np.sin(along / rng.uniform(14, 40))) ** 8 * 70
        line = zip((beside + along).tolist(), (680 + 130 * row - beat).tolist(), strict=True)
        draw.line(list(line), fill=ink, width=3)
    return framed(frame, screen)


def corner_guide(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Fill the frame with the view, dark towards its borders; a thin box with a scope's shape."""
    x0, y0, x1, y1 = view.box
    across, down = round(0.15 * (x1 - x0)), round(0.15 * (y1 - y0))
    inner = frame.pixels[y0 + down : y1 - down, x0 + across : x1 - across]
    screen = Image.fromarray(inner).resize((1280, 1024))
    y, x = np.mgrid[-1:1:1024j, -1:1:1280j]
    shade: NDArray[np.float64] = np.clip(1.5 - 0.75 * (x**2 + y**2), 0.03, 1)
    screen = Image.fromarray((np.asarray(screen) * shade[..., None]).astype(np.uint8))
    draw = ImageDraw.Draw(screen)
    left = 24 if rng.random() < 0.5 else 1280 - 264
    box = (left, 740, left + 240, 1000)
    if rng.random() < 0.5:
        draw.rectangle(box, fill=(0, 0, 0))
    draw.rectangle(box, outline=(200, 200, 200), width=2)
    turns = np.cumsum(rng.normal(0, 14, (12, 2)), axis=0).clip(-90, 90)
    draw.line(
        [tuple(point) for point in turns + np.array([left + 120, 870])],
        fill=(90, 220, 200),
        width=8,
    )
    return framed(frame, screen)


def dark_app(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Show the view in software of a dark theme: cards with round corners, a bar of icons."""
    picture, shape = cut_out(frame, view)
    tone = int(rng.integers(9, 24))
    screen = Image.new("RGB", (1920, 1080), (tone, tone, tone + 2))
    draw = ImageDraw.Draw(screen)
    card = tuple(level + 14 for level in (tone, tone, tone + 3))
    draw.rounded_rectangle((110, 24, 1350, 1056), 20, fill=card)
    for top in (24, 380, 736):
        draw.rounded_rectangle((1376, top, 1896, top + 320), 20, fill=card)
    for icon in range(9):
        draw.ellipse((28, 40 + 100 * icon, 76, 88 + 100 * icon), fill=(90, 96, 110))
    fields(draw, (1400, 50), rng, rows=6, size=26)
    for still in range(2):
        small = picture.rotate(180 * still).resize((230, 190))
        screen.paste(small, (1400 + 250 * still, 420))
    along = np.linspace(0, 480, 60)
    curve = 900 - 90 * np.sin(along / rng.uniform(20, 90))
    draw.line(list(zip((1396 + along).tolist(), curve.tolist(), strict=True)), (80, 160, 250), 5)
    _show(screen, picture, shape, (130, 44, 1330, 1036), black=bool(rng.random() < 0.5))
    return framed(frame, screen)


def page(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Show the view on a page of a report, scanned: paper, paragraphs, a letterhead, a stamp."""
    picture, shape = cut_out(frame, view)
    paper = int(rng.integers(225, 252))
    sheet = Image.new("RGB", (1240, 1000), (paper, paper, paper - 4))
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((60, 40, 300, 110), fill=(30, 80, 130))
    for line in range(24):
        wide = int(rng.integers(250, 400))
        draw.rectangle((60, 160 + 32 * line, 60 + wide, 172 + 32 * line), fill=(70, 70, 74))
    _show(sheet, picture, shape, (500, 40, 1220, 720), black=bool(rng.random() < 0.5))
    draw.ellipse((980, 800, 1130, 950), outline=(150, 40, 50), width=8)
    turned = sheet.rotate(rng.uniform(-1, 1), Image.Resampling.BILINEAR, fillcolor=(paper,) * 3)
    pixels = np.asarray(turned, np.float32) + rng.normal(0, 1.5, (1000, 1240, 1))
    return framed(frame, Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))


TOWERS: dict[str, tuple[str, Screen]] = {
    "window": ("capture software: lists, buttons, stills", window),
    "second-picture": ("twin laid over a corner, black at 16", second_picture),
    "side-by-side": ("narrow-band twin beside, fading ground", side_by_side),
    "tape": ("fields, dark lines, smeared colours", tape),
    "wall": ("a room's camera and curves beside", wall),
    "corner-guide": ("no mask, dark borders, a scope's shape", corner_guide),
    "dark-app": ("software of a dark theme, cards", dark_app),
    "page": ("a page of a report, scanned", page),
}
"""Each screen: what it looks like, and how it is drawn."""


def _show(
    screen: Image.Image,
    picture: Image.Image,
    shape: Image.Image,
    area: tuple[int, int, int, int],
    *,
    black: bool = False,
) -> tuple[int, int, int, int]:
    """Paste a picture as large as fits in the middle of `area`, on black or not; gives its box."""
    x0, y0, x1, y1 = area
    zoom = min((x1 - x0) / picture.width, (y1 - y0) / picture.height)
    wide, high = round(picture.width * zoom), round(picture.height * zoom)
    left, top = (x0 + x1 - wide) // 2, (y0 + y1 - high) // 2
    if black:
        screen.paste((0, 0, 0), area)
    screen.paste(picture.resize((wide, high)), (left, top), shape.resize((wide, high)))
    return left, top, left + wide, top + high


def _narrow_band(picture: Image.Image) -> Image.Image:
    pixels = np.asarray(picture, np.float32)
    green, blue = pixels[:, :, 1], pixels[:, :, 2]
    bands: Pixels = np.stack([0.8 * green, 0.95 * blue, 0.9 * blue], 2).astype(np.uint8)
    return Image.fromarray(bands)
