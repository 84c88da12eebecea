"""Command of ``make bench``: costs beside their floors, and their growth."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import events, memory, profile, questions, remembering, scraping, starting
from .curves import curves
from .measure import Figure
from .sizes import Sizes
from .table import CURVES_HEAD, FIGURES_HEAD, curve_line, figure_line


def figures(sizes: Sizes) -> Iterator[Figure]:
    """Yield the figures of all modules."""
    for module in (events, questions, scraping, starting, memory, remembering):
        yield from module.figures(sizes)


def as_json(value: Any) -> Any:
    """Return a value for JSON, with named tuples as objects."""
    if hasattr(value, "_asdict"):
        return {name: as_json(field) for name, field in value._asdict().items()}
    return [as_json(each) for each in value] if isinstance(value, (tuple, list)) else value


def measure(sizes: Sizes, silent: bool) -> dict[str, Any]:
    """Return all figures and curves; unless ``silent``, print each at once."""

    def show(line: str) -> None:
        if not silent:
            print(line, flush=True)

    begun = time.monotonic()
    result: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "quick": sizes.quick,
        "figures": [],
        "curves": [],
    }
    show("Python {python}, {machine}, {cores} cores".format(**result))
    show(f"\n{FIGURES_HEAD}")
    for figure in figures(sizes):
        result["figures"].append(figure)
        show(figure_line(figure))
    show(f"\n{CURVES_HEAD}")
    for curve in curves(sizes):
        result["curves"].append(curve)
        show(curve_line(curve))
    result["seconds"] = round(time.monotonic() - begun)
    result["load"], _, _ = os.getloadavg()
    show("\n{seconds} seconds; load of the machine at the end: {load:.1f}".format(**result))
    return result


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", metavar="FILE.svg", type=Path, help="draw the curves")
    parser.add_argument("--quick", action="store_true", help="measure too little for real figures")
    parser.add_argument("--profile", action="store_true", help="profile functions instead")
    arguments = parser.parse_args()
    if arguments.profile:
        profile.show(Sizes(arguments.quick))
        return
    if arguments.plot is not None:  # a missing library fails before the minutes of measuring
        draw = importlib.import_module(".plot", __package__).draw
    result = measure(Sizes(arguments.quick), silent=arguments.json)
    if arguments.json:
        print(json.dumps({name: as_json(value) for name, value in result.items()}, indent=1))
    if arguments.plot is not None:
        draw(result["curves"], arguments.plot)


if __name__ == "__main__":
    main()
