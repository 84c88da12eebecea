"""Size of the page and time to render it."""

from __future__ import annotations

from datetime import timedelta
from time import process_time

import pytest

from chanfitness import (
    ChannelHistory,
    ChannelInfo,
    Outage,
    Overview,
)
from chanfitness.core.peerlog import PeerInfo
from chanfitness.web.figures import ALL, WINDOWS, page_figures
from chanfitness.web.page import exact_seconds, page_html

from ..support.lengths import STRESS
from ..support.made_up_peers import (
    DAY,
)
from ..support.pages import Page
from ..support.values import START, outpoint, vertex

MIB = 2**20


def made_up_overviews(peers: int, outages: int, channels: int = 1) -> dict[str, Overview]:
    """Snapshots of a node whose peers had ``outages`` outages each in 30 days."""
    now = START + 30 * DAY
    slot = 30 * DAY / max(outages, 1)
    infos, histories, of_peers = [], [], []
    for number in range(peers):
        shift = number * 7 % 89 / 100 * slot
        gone = [START + at * slot + shift for at in range(outages)]
        spans = tuple(Outage(at, at + slot / 20, slot / 20) for at in gone)
        points = [outpoint(number * channels + place) for place in range(channels)]
        of_peers.append(
            PeerInfo(vertex(number), True, now, 3, None, tuple(points), f"peer {number}")
        )
        for point in points:
            infos.append((point, vertex(number)))
            histories.append(spans)
    made = {}
    for name, window in {**WINDOWS, ALL: None}.items():
        begin = START if window is None else now - window
        kept = [tuple(each for each in spans if each.start >= begin) for spans in histories]
        uptimes = [now - begin - len(each) * slot / 20 for each in kept]
        made[name] = Overview(
            now,
            True,
            timedelta(0),
            tuple(
                ChannelInfo(*names, now - begin, uptime)
                for names, uptime in zip(infos, uptimes, strict=True)
            ),
            None,
            tuple(of_peers),
            tuple(
                ChannelHistory(begin, now, now - begin, uptime, timedelta(0), spans)
                for spans, uptime in zip(kept, uptimes, strict=True)
            ),
            window=window,
        )
    return made


@pytest.mark.parametrize(
    ("outages", "mebibytes", "seconds"), [(50, 1.5, 1), (1000, 4, 2)], ids=["50", "1000"]
)
def test_the_page_of_300_peers_is_small_and_quickly_rendered(
    outages: int, mebibytes: float, seconds: float
) -> None:
    made = made_up_overviews(300, outages)
    begun = process_time()
    page = page_html(page_figures(made))
    taken = process_time() - begun
    assert len(page.encode()) < mebibytes * MIB
    if STRESS:  # timings count only while nothing else runs
        assert taken < seconds
    read = Page(page)
    offline = made[ALL].channels[0].lifetime - made[ALL].channels[0].uptime
    assert read.seconds(str(vertex(0)), ALL) * 1_000_000 == offline / timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("period", "text"),
    [
        (timedelta(0), "0"),
        (timedelta(days=100), "8640000"),
        (timedelta(microseconds=1), "0.000001"),
        (timedelta(seconds=10, milliseconds=50), "10.05"),
    ],
)
def test_seconds_are_exact(period: timedelta, text: str) -> None:
    assert exact_seconds(period) == text
