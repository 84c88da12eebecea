"""Pages of generated databases, and the sums of their shapes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from chanfitness import BlindSpan, ManualClock, MonitoringPausedEvent
from chanfitness.core.overview import Overview
from chanfitness.reports.loading import load_windows
from chanfitness.testing import FakeNode
from chanfitness.web.bands import HEIGHT, WIDTH
from chanfitness.web.figures import PageFigures, page_figures, windows
from chanfitness.web.page import page_html

from .persistent_stores import watching
from .values import START

INLINE = {"a", "b", "bdi", "code", "em", "span", "strong"}
Band = tuple[str, str]
"""A peer's key, or its letter, and a range."""


def overviews(path: Path, since: timedelta | None = None) -> dict[str, Overview]:
    """Return the snapshots of a page."""
    asked = windows(since)
    loaded = load_windows(str(path), [*asked.values()])
    return dict(zip(asked, loaded, strict=True))


def figures_of(path: Path, blind: Sequence[BlindSpan] = (), **how: Any) -> PageFigures:
    return page_figures(overviews(path), blind, **how)


def page_of(
    path: Path, blind: Sequence[BlindSpan] = (), zone: tzinfo | None = None, **how: Any
) -> Page:
    return Page(page_html(figures_of(path, blind), zone=zone, **how))


def half_a_day_is_seen(path: Path) -> None:
    """Return a day whose second half is blind; the peer went offline after eight hours."""
    node = FakeNode(ManualClock(START))
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=8)
        node.peer_offline(channel.peer)
        node.advance(hours=4)
        node.channel_notifier.send_update(MonitoringPausedEvent())
        node.advance(hours=12)


class Page(HTMLParser):
    """A page, parsed as by a browser.

    ``offline``: the seconds of each shape of time offline, by band. ``paths``: the shapes of each
    band by class. ``text``: all text, without style and script.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.offline: dict[Band, list[Decimal]] = defaultdict(list)
        self.paths: dict[Band, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self.places: dict[Band, list[float]] = {}
        self._band: Band | None = None
        self._text: list[str] = []
        self._raw = ""
        self.feed(html)
        self.close()
        self.text = " ".join("".join(self._text).split())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        self.tags.append((tag, named))
        self._text.append("" if tag in INLINE else " ")
        if tag in ("style", "script"):
            self._raw = tag
        elif tag == "svg" and "data-peer" in named:
            self._band = str(named["data-peer"]), str(named["data-range"])
            assert self._band not in self.paths, "there twice"
            self.paths[self._band] = defaultdict(list)
            self.offline[self._band] = []
        elif tag == "svg" and self._band is not None and "viewbox" in named:
            self.places[self._band] = [float(each) for each in str(named["viewbox"]).split()]
        elif tag == "path" and self._band is not None:
            self.paths[self._band][str(named["class"])].append(str(named["d"]))
            if named["class"] == "off":
                self.offline[self._band].append(Decimal(str(named["data-offline"])))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "tr"):
            self._band = None
        self._raw = "" if tag == self._raw else self._raw

    def handle_data(self, data: str) -> None:
        if not self._raw:
            self._text.append(data)

    def seconds(self, peer: str, name: str) -> Decimal:
        """Return the sum of a band's shapes."""
        return sum(self.offline[peer, name], Decimal(0))

    def section(self, name: str) -> str:
        """Return the text of a range."""
        begin = self.html.index(f'<section class="range" id="s-{name}"')
        return Page(self.html[begin : self.html.index("</section>", begin)]).text


def boxes(path: str) -> list[tuple[float, float, float]]:
    """Return start, end and greatest height of each part of a path."""
    found, x, left, top = [], 0.0, None, float(HEIGHT)
    for command, arguments in re.findall(r"([MmVh])([^MmVh]*)", path):
        numbers = [float(each) for each in arguments.split()]
        if command in "Mm":
            x = numbers[0] + (x if command == "m" else 0)
            left, top = x, float(HEIGHT)
        elif command == "h":
            x += numbers[0]
        else:
            top = min(top, numbers[0])
            if numbers[0] == HEIGHT and left is not None:
                found.append((round(left, 1), round(x, 1), (HEIGHT - top) / HEIGHT))
    assert all(0 <= begin < end <= WIDTH for begin, end, _ in found)
    return found


def blind(
    begin: datetime,
    end: datetime | None,
    cause: str | None = "stopped",
    of: str = "all",
    peers: int | None = None,
) -> BlindSpan:
    return BlindSpan(begin, end, (end or begin) - begin, of, cause, peers)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)
