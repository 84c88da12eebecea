"""Text lines of figures and curves."""

from __future__ import annotations

from .measure import BYTES, PER_SECOND, Curve, Figure, Spread

_FIGURE = "{:<34} {:<34} {:>9} {:>5}   {:<32} {:>9} {:>5}   {:>6}   {}"
_CURVE = "{:<22} {:<14} {:>8}   {:<18} {}"

FIGURES_HEAD = _FIGURE.format(
    "what", "of", "median", "", "beside", "median", "", "ratio", "quartiles"
)
CURVES_HEAD = _CURVE.format("what", "grows with", "exponent", "fitted", "medians")


def figure_line(figure: Figure) -> str:
    """Return a line with a cost and its floor; spreads are half the quartiles' distance."""
    name, size, unit, cost, floor_name, floor, ratio = figure
    return _FIGURE.format(
        name,
        size,
        humane(cost.median, unit),
        _spread(cost),
        floor_name,
        humane(floor.median, unit),
        _spread(floor),
        f"{ratio.median:.2f}",
        f"{ratio.low:.2f} to {ratio.high:.2f}",
    )


def curve_line(curve: Curve) -> str:
    """Return a line with the exponent and the medians of a curve."""
    name, against, unit, points, fitted_from, exponent = curve
    medians = ", ".join(f"{point.size:,}: {humane(point.cost.median, unit)}" for point in points)
    fitted = f"{fitted_from:,} to {points[-1].size:,}"
    return _CURVE.format(name, against, f"{exponent:.2f}", fitted, medians)


def humane(value: float, unit: str) -> str:
    """Return a number with a unit that suits its size."""
    if unit == PER_SECOND:
        return f"{value:,.0f} /s"
    if unit == BYTES:
        for name, size in (("MB", 1e6), ("kB", 1e3)):
            if value >= size:
                return f"{value / size:.1f} {name}"
        return f"{value:.1f} B"
    for name, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size * (1 - 1e-9):  # 10 ** -3 may be a little less
            return f"{value / size:.2f} {name}"
    return f"{value * 1e9:.0f} ns"


def _spread(spread: Spread) -> str:
    if not spread.median:
        return ""
    return f"±{abs((spread.high - spread.low) / spread.median) * 50:.0f}%"
