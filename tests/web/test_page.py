"""The text of the page, in its head and its tables."""

from __future__ import annotations

import re
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from chanfitness.testing import FakeNode
from chanfitness.web.page import page_html

from ..support.made_up_peers import (
    DAY,
    HOUR,
    MadeUpPeer,
    make_database,
)
from ..support.pages import blind, boxes, figures_of, half_a_day_is_seen, page_of
from ..support.persistent_stores import watching
from ..support.values import SECOND, START, vertex

KEY = str(vertex(1))
UTC = timezone.utc


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


def test_the_head_names_the_subject_and_the_date(path: Path) -> None:
    peers = [MadeUpPeer(), MadeUpPeer(offline=[(DAY, 3 * DAY)])]
    make_database(path, peers, 2 * DAY, blind=[(HOUR, 4 * HOUR)])
    zone = timezone(timedelta(hours=2), "EET")
    page = page_of(path, zone=zone, title="Of <b>me</b>")
    assert page.text.startswith(
        "Of <b>me</b> Of <b>me</b> 1 of 2 peers online as of 2026-01-03 02:00:00 EET (UTC+02:00),"
        " 2026-01-03 00:00:00 UTC. Known since 2026-01-01 02:00: seen 1d 21h, not seen 3h 0m."
        " Times are local, now EET (UTC+02:00)."
    )


def test_the_head_counts_the_causes_of_blind_time(path: Path) -> None:
    make_database(path, [MadeUpPeer()], 2 * DAY)
    causes = ["own outage", "stopped", "own outage", None]
    told = [
        blind(START + at * HOUR, START + (at + 1) * HOUR, cause) for at, cause in enumerate(causes)
    ]
    assert (
        "seen 1d 20h, not seen 4h 0m (own outage: 2, watcher stopped: 1, cause not known: 1)."
        in page_of(path, told).text
    )


def test_a_page_of_the_past_has_its_age(path: Path) -> None:
    node = FakeNode()
    node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=1)
    figures, now = figures_of(path), node.clock.now()
    assert "before this page was made" not in page_html(figures, now=now + 59 * SECOND)
    assert "before this page was made" not in page_html(figures, now=now - HOUR)
    assert "<strong>3h 0m before this page was made</strong>" in page_html(
        figures, now=now + 3 * HOUR
    )


def test_a_node_that_was_not_seen_has_no_peers_online(path: Path) -> None:
    half_a_day_is_seen(path)
    page = page_of(path, zone=UTC)
    assert "1 peer, not seen now as of 2026-01-02 00:00:00 UTC." in page.text
    assert "The node was last seen at 2026-01-01 12:00." in page.text
    assert "offline now" not in page.section("all")


@pytest.mark.parametrize(
    ("peer", "sentence"),
    [
        (MadeUpPeer("a"), "No peer was seen offline in all time."),
        (
            MadeUpPeer("a", offline=[(HOUR, 2 * HOUR), (3 * HOUR, 6 * HOUR)]),
            "The worst is a: online 83.33% of all time, as far as that was seen; 2 outages, the"
            " longest 3h 0m.",
        ),
        (
            MadeUpPeer("a", offline=[(18 * HOUR, 2 * DAY)]),
            "The worst is a: online 75.00% of all time, as far as that was seen; 1 outage, the"
            " longest 6h 0m; offline now, for 6h 0m.",
        ),
        (
            MadeUpPeer("a", unusable=[(6 * HOUR, 18 * HOUR)]),
            "The worst is a: online 100.00% of all time, as far as that was seen, usable 50.00%.",
        ),
    ],
)
def test_one_sentence_names_the_worst_peer(path: Path, peer: MadeUpPeer, sentence: str) -> None:
    make_database(path, [peer, MadeUpPeer("b", opened=[HOUR])], DAY)
    assert sentence in page_of(path).section("all")


def test_a_node_without_peers_has_a_page(path: Path) -> None:
    make_database(path, [], DAY)
    page = page_of(path)
    assert "No peers as of" in page.text
    assert page.text.count("No peer with an open channel is known.") == 4
    assert not page.paths


def test_a_peer_never_seen_is_not_the_worst(path: Path) -> None:
    node = FakeNode()
    with watching(node, path):
        node.advance(hours=1)
        node.open_channel(node.new_peer())
    page = page_of(path)
    assert "Nothing was seen of any peer in all time." in page.section("all")
    assert "Not seen yet" in page.text


def test_shares_are_rounded_down(path: Path) -> None:
    peers = [MadeUpPeer(), MadeUpPeer(offline=[(20 * DAY, 20 * DAY + SECOND)])]
    page = page_of(make_database(path, peers, 30 * DAY))
    cells = re.findall(r"<td>([0-9.]+%)</td>", page.html)
    assert cells[-4:] == ["99.99%", "99.99%", "100.00%", "100.00%"]
    ((box,),) = [boxes(each) for each in page.paths[str(vertex(2)), "all"]["off"]]
    assert box == (480, 481, 1)
    assert page.paths[KEY, "all"]["off"] == []


def test_peers_have_their_transport_and_channels(path: Path) -> None:
    peers = [
        MadeUpPeer("a", "tor", opened=[0 * DAY, 0 * DAY]),
        MadeUpPeer("b", "clearnet", unusable=[(HOUR, 2 * DAY)]),
        MadeUpPeer("c", unusable=[(HOUR, 2 * DAY)], opened=[0 * DAY, HOUR]),
    ]
    text = page_of(make_database(path, peers, DAY)).section("all")
    assert "a 020000000...0001 tor 700001x0x0, 700002x0x1 100.00%" in text
    assert "b 020000000...0002 clearnet 700003x1x0 not usable now 100.00% 4.16%" in text
    assert "c 020000000...0003 2 channels 100.00% 4.16%" in text
    assert "700004x2x0 100.00% online, 4.16% usable, not usable now" in text
    assert "700005x2x1 100.00% online, 100.00% usable" in text


def test_a_peer_without_an_alias_has_its_key(path: Path) -> None:
    text = page_of(make_database(path, [MadeUpPeer()], DAY)).section("all")
    assert " 020000000...0001 700001x0x0 100.00%" in text
