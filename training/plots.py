"""The plots of a report, as SVG that takes its colours from the page: light, dark or printed."""

import re
from collections.abc import Sequence
from html import escape
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from endolink.model.findings import FINDINGS
from endolink.model.manifest import Figure
from endolink.training.corruptions import STRENGTHS
from endolink.training.curves import Curve
from endolink.training.outside import Flagged
from endolink.training.stress import Stressed

# Matplotlib writes these; the page's style sheet decides what they look like.
_INK, _LINE = "#010101", "#020202"
_SERIES = tuple(f"#0a0b0{number}" for number in range(8))
_DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 1.5, 1.5, 1.5)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
# More lines than these cannot be told apart; the tables have them all.
MOST_LINES = 8
FEWEST = 5
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "endolink",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _LINE,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "path.simplify": True,
}


def roc(curves: Sequence[Curve], areas: dict[str, Figure]) -> str:
    """Draw sensitivity over the false positive rate, a band for each finding's interval."""
    with mpl.rc_context(_STYLE):
        canvas, axes = _square()
        axes.plot([0, 1], [0, 1], color=_LINE, linewidth=1, linestyle=":")
        for number, curve in enumerate(shown(curves)):
            _line(axes, curve, number, _legend(curve, areas, "AUROC"), step="post")
        _unit(axes, "1 − specificity", "sensitivity")
        axes.legend(loc="lower right")
        return _svg(canvas, "ROC: sensitivity against false positive rate, for each finding")


def precision_recall(curves: Sequence[Curve], areas: dict[str, Figure]) -> str:
    """Draw precision over recall."""
    with mpl.rc_context(_STYLE):
        canvas, axes = _square()
        for number, curve in enumerate(shown(curves)):
            _line(axes, curve, number, _legend(curve, areas, "AUPRC"), step="pre")
        _unit(axes, "recall (sensitivity)", "precision")
        axes.legend(loc="lower left")
        return _svg(canvas, "Precision against recall, for each finding")


def reliability(curves: Sequence[Curve], errors: dict[str, Figure]) -> str:
    """Draw how often a finding is there over the probability that was told, a panel a finding.

    A marker's area grows with the frames of its bin; bins of fewer than `FEWEST` are left out.
    """
    chosen = shown(curves)
    columns = min(4, max(1, len(chosen)))
    lines = -(-len(chosen) // columns)
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(9.2, 2.5 * lines + 0.3), layout="constrained")
        grid = canvas.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        for number, axes in enumerate(grid.flat):
            if number >= len(chosen):
                axes.set_visible(False)
                continue
            _reliability(axes, chosen[number], number)
            axes.set_title(
                _legend(chosen[number], errors, "ECE").replace(", ECE", "\nECE"), fontsize=9
            )
        canvas.supxlabel("probability told", fontsize=10)
        canvas.supylabel("share that shows it", fontsize=10)
        return _svg(canvas, "Reliability: the share of frames with the finding, by probability")


def _reliability(axes: Any, curve: Curve, number: int) -> None:
    axes.plot([0, 1], [0, 1], color=_LINE, linewidth=1, linestyle=":")
    most = max(curve.count)
    for x, y, low, high, count in zip(
        curve.x, curve.y, curve.low, curve.high, curve.count, strict=True
    ):
        if count < FEWEST:
            continue
        axes.plot([x, x], [low, high], color=_colour(number), linewidth=1.1)
        size = 3.5 + 5 * (count / most) ** 0.5
        axes.plot([x], [y], marker="o", color=_colour(number), markersize=size)
    axes.set_xlim(-0.04, 1.04)
    axes.set_ylim(-0.04, 1.04)
    axes.set_aspect("equal")


def decision(curves: Sequence[Curve], act_on_all: Sequence[Curve]) -> str:
    """Draw the net benefit of acting on the model, on every frame, and on none."""
    with mpl.rc_context(_STYLE):
        canvas, axes = _square()
        axes.axhline(0, color=_LINE, linewidth=1)
        highest = 0.05
        everything = {curve.finding: curve for curve in act_on_all}
        for number, curve in enumerate(shown(curves)):
            _line(axes, curve, number, _label(curve.finding))
            all_of_it = everything[curve.finding]
            axes.plot(all_of_it.x, all_of_it.y, color=_colour(number), linewidth=0.8, linestyle=":")
            highest = max(highest, *curve.y)
        axes.set_xlim(0, 1)
        axes.set_ylim(-0.1 * highest, 1.1 * highest)
        axes.set_xlabel("threshold probability at which one would act")
        axes.set_ylabel("net benefit per frame")
        axes.plot([], [], color=_INK, linewidth=0.8, linestyle=":", label="act on every frame")
        canvas.legend(loc="outside lower center", ncols=2)
        return _svg(canvas, "Decision curve: net benefit against threshold probability")


def stress(stressed: Sequence[Stressed], *, limit: float = 0.03) -> str:
    """Draw the share of top findings that change and the fall of sensitivity, by corruption."""
    names = list(dict.fromkeys(item.corruption for item in stressed if item.frames))[::-1]
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(9.2, 0.36 * len(names) + 1.3), layout="constrained")
        left, right = canvas.subplots(1, 2, sharey=True)
        for axes, figure in ((left, "top-changed"), (right, "sensitivity-drop")):
            for level, strength in enumerate(STRENGTHS):
                for item in stressed:
                    found = item.figure(figure)
                    if item.strength == strength and found is not None:
                        y = names.index(item.corruption) + (1 - level) * 0.24
                        _point(axes, found, y, level)
            axes.set_yticks(range(len(names)), names)
            axes.xaxis.set_major_formatter(_percent)
            axes.grid(visible=False, axis="y")
        left.axvline(limit, color=_INK, linewidth=0.9, linestyle="--")
        right.axvline(0, color=_LINE, linewidth=1)
        left.set_xlabel(f"top finding changes (dashed: {limit:.0%}, the most at middle strength)")
        right.set_xlabel("sensitivity falls by, mean over findings")
        handles = [_key(level) for level in range(len(STRENGTHS))]
        right.legend(handles, STRENGTHS, loc="best")
        return _svg(canvas, "Stress: changed top findings and lost sensitivity, by corruption")


def forest(figures: Sequence[Figure], codes: Sequence[str], names: Sequence[str]) -> str:
    """Draw each finding's figures as points with their intervals, one panel a figure."""
    found = {(figure.finding, figure.name): figure for figure in figures}
    order = list(codes)[::-1]
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(9.2, 0.34 * len(order) + 1.0), layout="constrained")
        for axes, name in zip(canvas.subplots(1, len(names), sharey=True), names, strict=True):
            lows = [1.0]
            for row, code in enumerate(order):
                figure = found.get((code, name))
                if figure is not None:
                    _point(axes, figure, row, 0)
                    lows.append(figure.value if figure.low is None else figure.low)
            axes.set_yticks(range(len(order)), [_label(code) for code in order])
            axes.set_xlim(max(0.0, min(0.8, min(lows) - 0.02)), 1.005)
            axes.set_ylim(-0.6, len(order) - 0.4)
            axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
            axes.set_xlabel(name)
        return _svg(canvas, f"{', '.join(names)} of each finding with 95 % intervals")


def flagged(items: Sequence[Flagged], *, limit: float = 0.95) -> str:
    """Draw the share of each kind of outside frames that was called unfamiliar."""
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(6.4, 0.4 * len(items) + 1.0), layout="constrained")
        axes = canvas.subplots()
        for row, item in enumerate(reversed(items)):
            _point(axes, item.share, row, 0)
        labels = [f"{item.kind} ({item.frames:,})" for item in reversed(items)]
        axes.set_yticks(range(len(items)), labels)
        axes.axvline(limit, color=_INK, linewidth=0.9, linestyle="--")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.6, len(items) - 0.4)
        axes.xaxis.set_major_formatter(_percent)
        axes.set_xlabel(f"called unfamiliar (dashed: {limit:.0%})")
        return _svg(canvas, "Share of frames from outside that are called unfamiliar")


def shown(curves: Sequence[Curve]) -> list[Curve]:
    """Give the curves that a plot has room for: lesions first, then as the bundle orders them."""
    by_kind = sorted(curves, key=lambda curve: FINDINGS[curve.finding].kind != "lesion")
    return by_kind[:MOST_LINES]


def _square() -> tuple[Canvas, Any]:
    canvas = Canvas(figsize=(4.5, 4.3), layout="constrained")
    return canvas, canvas.subplots()


def _line(axes: Any, curve: Curve, number: int, label: str, step: str | None = None) -> None:
    colour = _colour(number)
    if curve.low:
        axes.fill_between(
            curve.x, curve.low, curve.high, color=colour, alpha=0.14, linewidth=0, step=step
        )
    style = {"drawstyle": f"steps-{step}"} if step else {}
    axes.plot(
        curve.x, curve.y, color=colour, linestyle=_dash(number), linewidth=1.6, label=label, **style
    )


def _point(axes: Any, figure: Figure, y: float, number: int) -> None:
    if figure.low is not None and figure.high is not None:
        axes.plot([figure.low, figure.high], [y, y], color=_colour(number), linewidth=1.4)
    axes.plot([figure.value], [y], marker=_MARKERS[number], color=_colour(number), markersize=5)


def _key(number: int) -> Any:
    return Line2D(
        [], [], color=_colour(number), marker=_MARKERS[number], linestyle="-", markersize=5
    )


def _unit(axes: Any, x: str, y: str) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.02)
    axes.set_aspect("equal")
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def _percent(value: float, _: object) -> str:
    return f"{value * 100:.3g} %"


def _colour(number: int) -> str:
    return _SERIES[number % len(_SERIES)]


def _dash(number: int) -> Any:
    return _DASHES[number % len(_DASHES)]


def _label(code: str) -> str:
    return FINDINGS[code].label


def _legend(curve: Curve, figures: dict[str, Figure], name: str) -> str:
    figure = figures.get(curve.finding)
    return _label(curve.finding) + (f", {name} {figure.value:.3f}" if figure else "")


def _svg(canvas: Canvas, description: str) -> str:
    out = StringIO()
    # Matplotlib does not type its canvases.
    FigureCanvasSVG(canvas).print_svg(  # type: ignore[no-untyped-call]
        out, metadata={"Date": None, "Creator": None}
    )
    drawn = out.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    box = re.search(r'viewBox="[^"]+"', drawn)
    assert box is not None
    width = float(box.group().split()[2])
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{box.group()} role="img" aria-label="{escape(description)}" '
        f'style="max-width:{width * 1.45:.0f}px">'
    )
    drawn = head + drawn[drawn.index(">") + 1 :]
    drawn = drawn.replace(_INK, "var(--ink)").replace(_LINE, "var(--line)")
    drawn = re.sub(r"#0a0b0(\d)", r"var(--c\1)", drawn)
    return re.sub(r"(font: [\d.]+px )[^;\"]+", r"\1system-ui, sans-serif", drawn)
