"""The command ``chanfitness report``: the page of a database."""

from __future__ import annotations

import argparse
import os
import sys

from ..clock import SystemClock
from ..errors import ChanFitnessError
from ..reports.loading import load_windows
from ..web.figures import page_figures, windows
from ..web.page import page_html
from .collection import no_garbage_collection


def report_page(options: argparse.Namespace) -> None:
    """Write the page to the given file, or to standard output."""
    if options.output is not None and _are_one_file(options.path, options.output):
        raise ChanFitnessError(f"the page would replace the database, {options.path}")
    with no_garbage_collection():
        asked = windows(options.since)
        loaded = load_windows(options.path, list(asked.values()), closed=False)
        overviews = dict(zip(asked, loaded, strict=True))
        figures = page_figures(overviews, loaded[-1].blind_spans, redact=options.redact)
        page = page_html(figures, title=options.title, now=SystemClock().now()).encode()
    if options.output is None:
        sys.stdout.buffer.write(page)
        sys.stdout.buffer.flush()
        return
    with open(options.output, "wb") as file:
        file.write(page)


def _are_one_file(path: str, other: str) -> bool:
    return os.path.exists(other) and os.path.exists(path) and os.path.samefile(path, other)
