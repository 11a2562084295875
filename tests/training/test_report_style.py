import re

from endolink.training.report_style import STYLE


def _colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w]+): (#[0-9a-f]{3,6})", block))


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_and_lines_stand_out_in_light_dark_and_print() -> None:
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        colours = _colours(block)
        # WCAG 2.2: 4.5 for text, 3 for what is drawn.
        assert _contrast(colours["ink"], colours["paper"]) >= 7
        assert _contrast(colours["soft"], colours["paper"]) >= 4.5
        assert _contrast(colours["soft"], colours["tint"]) >= 4.5
        for number in range(8):
            assert _contrast(colours[f"c{number}"], colours["paper"]) >= 3, number
