"""SVG of the curves, small and reproducible."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chanfitness.checks import extra

from .measure import BYTES, Curve
from .table import humane

with extra("bench"):
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot, ticker

_STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "chanfitness",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
_PANELS = {"producers": "threads", "callers": "threads"}
_LONG_NUMBER = re.compile(r"(\d\.\d\d)\d+")
_METADATA = {"Date": None, "Creator": None}


def draw(curves: Sequence[Curve], file: Path) -> None:
    """Write an SVG with a panel for each quantity with which costs grow."""
    panels: dict[str, list[Curve]] = {}
    for curve in curves:
        against = _PANELS.get(curve.against, curve.against)
        panels.setdefault("how many" if curve.unit == BYTES else against, []).append(curve)
    with mpl.rc_context(_STYLE):
        rows = (len(panels) + 1) // 2
        figure, axes = pyplot.subplots(rows, 2, figsize=(11, 2.8 * rows), squeeze=False)
        for panel, (against, of_panel) in zip(axes.flat, panels.items(), strict=False):
            _draw_panel(panel, against, of_panel)
        for panel in axes.flat[len(panels) :]:
            panel.set_visible(False)
        figure.tight_layout()
        image = io.StringIO()
        figure.savefig(image, format="svg", metadata=_METADATA)
        pyplot.close(figure)
    file.write_text(_LONG_NUMBER.sub(r"\1", image.getvalue()))


def _draw_panel(panel: Any, against: str, curves: Sequence[Curve]) -> None:
    unit = curves[0].unit
    for curve in curves:
        at = [point.size for point in curve.points]
        lows, medians, highs = zip(*(point.cost for point in curve.points), strict=True)
        (line,) = panel.plot(at, medians, marker=".", label=_label(curve, against))
        panel.fill_between(at, lows, highs, color=line.get_color(), alpha=0.15, linewidth=0)
    panel.set(xscale="log", yscale="log", xlabel=against)
    sizes = sorted({point.size for curve in curves for point in curve.points})
    panel.set_xticks(sizes, [_short(size) for size in sizes])
    panel.yaxis.set_major_formatter(ticker.FuncFormatter(lambda cost, _: _tick(cost, unit)))
    for timeline in (panel.xaxis, panel.yaxis):
        timeline.set_minor_locator(ticker.NullLocator())
    panel.grid(alpha=0.3)
    panel.legend(title="exponent", loc="upper left", bbox_to_anchor=(1, 1), handlelength=1)


def _label(curve: Curve, against: str) -> str:
    name = curve.name if curve.against == against else f"{curve.name}, {curve.against}"
    return f"{name}: {curve.exponent:.2f}"


def _short(size: int) -> str:
    return f"{size // 1000}k" if size >= 1000 else str(size)


def _tick(cost: float, unit: str) -> str:
    number, unit = humane(cost, unit).split()
    return f"{float(number):.0f} {unit}"
