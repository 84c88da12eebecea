"""Lookup of peers and channels by name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chanfitness import ChannelInfo, OutPoint, Overview, PeerInfo, Vertex
from chanfitness.core.overview import ClosedChannel
from chanfitness.reports.naming import (
    AmbiguousNameError,
    Named,
    UnknownNameError,
    find,
    matching,
    named_in,
    only,
    restricted,
)

from ..support.values import START

HOUR = timedelta(hours=1)
ACINQ, BOB, TWIN, OTHER_TWIN = (
    Vertex.parse(first + digits * 32)
    for first, digits in (("03", "86"), ("02", "b0"), ("02", "71"), ("02", "72"))
)
SPLICED, PLAIN, OF_BOB, NAMELESS = (
    OutPoint(digits * 32, index) for digits, index in (("5f", 1), ("5e", 0), ("b5", 2), ("b6", 12))
)
GONE = "9a" * 32 + ":0"


def peer(key: Vertex, alias: str | None, *points: OutPoint) -> PeerInfo:
    return PeerInfo(key, True, START, 0, None, points, alias)


def channel(point: OutPoint, key: Vertex, short_id: str | None, *former: str) -> ChannelInfo:
    info = ChannelInfo(point, key, HOUR, HOUR, short_channel_id=short_id)
    return info._replace(former_ids=former)


KNOWN = Overview(
    START,
    True,
    timedelta(0),
    (
        channel(SPLICED, ACINQ, "700000x1x1", "600000x1x0"),
        channel(PLAIN, ACINQ, "700000x2x0"),
        channel(OF_BOB, BOB, "1x1x1"),
        channel(NAMELESS, TWIN, None),
    ),
    (1, 2, 3, 4),
    (
        peer(ACINQ, "ACINQ", SPLICED, PLAIN),
        peer(BOB, "Bob \u26a1\ufe0f \u05d1\u05d5\u05d1", OF_BOB),
        peer(TWIN, "Twin", NAMELESS),
        peer(OTHER_TWIN, "twin"),
    ),
    closed=(
        ClosedChannel(GONE, ACINQ, HOUR, HOUR, START, START + HOUR, short_channel_id="5x5x5"),
        ClosedChannel(GONE, Vertex.parse("03" + "dd" * 32), HOUR, HOUR, START, START, alias="Dan"),
    ),
)


def found(name: str) -> Vertex | str:
    """Return the channel point or the peer that was found."""
    named = find(name, KNOWN)
    return named.peer if named.channel_point is None else named.channel_point


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("ACINQ", ACINQ),
        ("acinq", ACINQ),
        ("aci", ACINQ),
        ("a", ACINQ),
        (str(ACINQ), ACINQ),
        (str(ACINQ).upper(), ACINQ),
        ("0386", ACINQ),
        ("03868686...8686", ACINQ),
        ("Bob \u26a1\ufe0f \u05d1\u05d5\u05d1", BOB),
        ("bob \u26a1 \\u05d1\\u05d5\\u05d1", BOB),
        ("Bob...", BOB),
        ("Dan", Vertex.parse("03" + "dd" * 32)),
    ],
)
def test_a_peer_is_known_by_its_alias_and_key(name: str, peer: Vertex) -> None:
    assert found(name) == peer


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("700000x1x1", SPLICED),
        ("600000x1x0", SPLICED),
        ("700000X2X0", PLAIN),
        (str(PLAIN), PLAIN),
        (PLAIN.txid, PLAIN),
        ("5e5e", PLAIN),
        ("5e5e5e5e...5e5e:0", PLAIN),
        ("b5b5b5b...:2", OF_BOB),
        ("600000", SPLICED),
        ("5x5x5", GONE),
    ],
)
def test_a_channel_is_known_by_its_present_and_former_ids(name: str, point: OutPoint | str) -> None:
    assert found(name) == str(point)


@pytest.mark.parametrize("name", ["nobody", "5e5", "038", "b0b0", "700001x1", "x" * 1000, "tw n"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownNameError) as raised:
        find(name, KNOWN)
    assert str(raised.value) == f"no peer or channel is known as {name[:80]}"


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("twin", ["Twin 02717171...7171", "twin 02727272...7272"]),
        ("TW", ["Twin 02717171...7171", "twin 02727272...7272"]),
        (
            "700000x",
            ["ACINQ 700000x1x1 5f5f5f5f...5f5f:1", "ACINQ 700000x2x0 5e5e5e5e...5e5e:0"],
        ),
        (
            GONE,
            ["ACINQ 5x5x5 9a9a9a9a...9a9a:0", "Dan - 9a9a9a9a...9a9a:0"],
        ),
    ],
)
def test_ambiguous_names_are_refused_with_their_candidates(
    name: str, candidates: list[str]
) -> None:
    with pytest.raises(AmbiguousNameError) as raised:
        find(name, KNOWN)
    assert str(raised.value) == f"{name} is ambiguous: {', '.join(candidates)}"


def test_at_most_ten_candidates_are_listed() -> None:
    many = [Named(ACINQ, f"alias {number}", None, ()) for number in range(15)]
    with pytest.raises(
        AmbiguousNameError,
        match=r"^a is ambiguous: alias 0 .*, alias 9 03868686\.\.\.8686 and 5 more$",
    ):
        only("a", many)


def test_an_alias_cannot_hide_an_id() -> None:
    """An alias is any text: even another channel's short id, or a prefix of another peer's key."""
    hostile = Vertex.parse("02" + "ee" * 32)
    for alias, name, meant in (
        ("700000x1x1", "700000x1x1", [str(SPLICED)]),
        ("0386", "0386", [None, None]),
        ("ACINQ", "acinq", [None, None]),
    ):
        known = KNOWN._replace(peers=(*KNOWN.peers, peer(hostile, alias)))
        assert [each.channel_point for each in matching(name, named_in(known))] == meant


@pytest.mark.parametrize("alias", ["caf\u00e9", "cafe\u0301", "CAF\u00c9"])
@pytest.mark.parametrize("name", ["caf\u00e9", "cafe\u0301"])
def test_case_and_composition_do_not_matter(alias: str, name: str) -> None:
    known = KNOWN._replace(peers=(*KNOWN.peers, peer(OTHER_TWIN, alias)))
    (named,) = matching(name, named_in(known))
    assert named.peer == OTHER_TWIN


def test_candidates_are_escaped() -> None:
    alias = "\u05d0\u202e\x1b[2J\n" + "x" * 20
    with pytest.raises(AmbiguousNameError) as raised:
        only("\x1b\u05d0", [Named(ACINQ, alias, None, ()), Named(BOB, "", str(PLAIN), (GONE,))])
    assert str(raised.value) == (
        "\\x1b\\u05d0 is ambiguous: \\u05d0\\u202e\\x1b[2J\\nxxxxxxxx... 03868686...8686,"
        " - - 5e5e5e5e...5e5e:0"
    )


def test_other_names_of_a_channel_come_last() -> None:
    others = {"5e5e5e": OF_BOB, "feed" * 16: OF_BOB, "beef": OutPoint("aa" * 32, 1)}
    known = named_in(KNOWN, others)
    for name, point in (("feed" * 16, OF_BOB), ("feed", OF_BOB), ("5e5e5", PLAIN)):
        (named,) = matching(name, known)
        assert named.channel_point == str(point)
    assert matching("beef", known) == []


# Restricted snapshots.


def test_a_peer_keeps_all_its_channels() -> None:
    left = restricted(KNOWN, find("acinq", KNOWN))
    assert [info.channel_point for info in left.channels] == [SPLICED, PLAIN]
    assert (left.outages, left.histories) == ((1, 2), None)
    assert [info.peer for info in left.peers] == [ACINQ]
    assert [(each.channel_point, each.peer) for each in left.closed] == [(GONE, ACINQ)]


def test_a_channel_keeps_only_itself_and_its_peer() -> None:
    histories = (None,) * 4
    known = KNOWN._replace(outages=None, histories=histories)
    left = restricted(known, find("700000x2x0", known))
    assert [info.channel_point for info in left.channels] == [PLAIN]
    assert (left.outages, left.histories) == (None, (None,))
    assert [info.peer for info in left.peers] == [ACINQ]
    assert left.closed == ()
