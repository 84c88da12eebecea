"""Parser of lightningd's messages: complete, partial and malformed ones."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanfitness import OpenChannel, OutPoint
from chanfitness.nodes.cln.messages import (
    CLOSED,
    CLOSING,
    StateChange,
    first_generation_id,
    parse_alias,
    parse_change,
    parse_channels,
    parse_connection,
    parse_listing,
    parse_peer,
    payload,
)

from ...support.cln_messages import change, channel_id, channels, entry, peers
from ...support.paths import DATA
from ...support.values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2

ID = channel_id(7)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@pytest.mark.parametrize("params", [{"connect": {"id": str(ALICE)}}, {"id": str(ALICE)}])
def test_a_notification_is_read_nested_under_its_topic_or_flat(params: dict[str, object]) -> None:
    assert parse_peer(payload("connect", params)) == ALICE


@pytest.mark.parametrize("params", [None, [], "x", 5, {"connect": None}, {"connect": [1]}])
def test_a_notification_without_an_object_is_refused(params: object) -> None:
    with pytest.raises(ValueError, match="expected an object, got"):
        payload("connect", params)


@pytest.mark.parametrize("peer", [None, 5, "", "02ab", "x" * 66, "05" + "ab" * 32, ["02"]])
def test_a_bad_peer_is_refused(peer: object) -> None:
    with pytest.raises(ValueError, match=r"expected a peer's key|bad public key"):
        parse_peer({"id": peer})


def test_refused_values_are_shown_escaped_and_cut() -> None:
    with pytest.raises(ValueError, match=r"^bad public key '\\x1b\[2J") as raised:
        parse_peer({"id": "\x1b[2J" + "\u202e" * 1000})
    assert len(str(raised.value)) < 200
    assert str(raised.value).isprintable()


def test_a_state_change_needs_no_old_state_nor_a_short_channel_id() -> None:
    words = change(ID.upper(), ALICE, "CHANNELD_NORMAL")
    assert parse_change(words) == StateChange(ID, ALICE, "CHANNELD_NORMAL", None)
    words["short_channel_id"] = None
    assert parse_change(words).short_id is None
    words["short_channel_id"] = "700000x1x0"
    assert parse_change(words).short_id == "700000x1x0"


@pytest.mark.parametrize(
    "bad",
    [
        {"new_state": None},
        {"new_state": 3},
        {"channel_id": None},
        {"channel_id": "ab"},
        {"channel_id": "g" * 64},
        {"channel_id": 12},
        {"peer_id": None},
    ],
)
def test_a_bad_state_change_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="got"):
        parse_change({**change(ID, ALICE, "CHANNELD_NORMAL"), **bad})


def test_an_invalid_short_channel_id_counts_as_missing() -> None:
    words = change(ID, ALICE, "CHANNELD_NORMAL", short_channel_id="\x1b[0m")
    assert parse_change(words).short_id is None


def test_a_listing_has_channels_and_online_peers() -> None:
    listing = parse_listing(
        peers(ALICE, CAROL, offline=(BOB,)),
        channels(
            entry(ID, CHANNEL_1, ALICE, short_channel_id="1x2x3", peer_connected=True),
            entry(channel_id(8), CHANNEL_2, BOB, peer_connected=False),
        ),
    )
    assert [each.channel for each in listing.channels] == [
        OpenChannel(CHANNEL_1, ALICE),
        OpenChannel(CHANNEL_2, BOB),
    ]
    assert [each.short_id for each in listing.channels] == ["1x2x3", None]
    assert listing.online == [ALICE, CAROL]


def test_the_later_list_decides_which_peers_are_online() -> None:
    listing = parse_listing(
        peers(ALICE, offline=(BOB,)),
        channels(
            entry(ID, CHANNEL_1, ALICE, peer_connected=False),
            entry(channel_id(8), CHANNEL_2, BOB, peer_connected=True),
        ),
    )
    assert listing.online == [BOB]


@pytest.mark.parametrize("missing", ["channel_id", "funding_txid", "funding_outnum"])
def test_a_channel_without_a_channel_point_is_skipped(
    missing: str, caplog: pytest.LogCaptureFixture
) -> None:
    words = entry(ID, CHANNEL_1, ALICE, "DUALOPEND_OPEN_INIT")
    assert parse_channels(channels({**words, missing: None})) == []
    del words[missing]
    assert parse_channels(channels(words)) == []
    assert not caplog.records


@pytest.mark.parametrize(
    "bad",
    [
        {"channel_id": 5},
        {"funding_txid": "ab"},
        {"funding_txid": 5},
        {"funding_outnum": -1},
        {"funding_outnum": "0"},
        {"funding_outnum": 2**40},
        {"peer_id": None},
        {"peer_id": "\x1b[2J"},
        {"state": None},
    ],
)
def test_a_bad_entry_is_skipped(bad: dict[str, object], caplog: pytest.LogCaptureFixture) -> None:
    good = entry(ID, CHANNEL_1, ALICE)
    listed = parse_channels(channels({**good, **bad}, good, "nonsense"))
    assert [each.channel for each in listed] == [OpenChannel(CHANNEL_1, ALICE)]
    texts = [record.getMessage() for record in caplog.records]
    assert [text.partition(":")[0] for text in texts] == [
        "skipped an unusable entry in lightningd's list of channels",
        "skipped an unusable channel in lightningd's list",
    ]
    assert all(text.isprintable() for text in texts)


def test_a_bad_peer_is_skipped(caplog: pytest.LogCaptureFixture) -> None:
    answer = {"peers": [{"id": "02", "connected": True}, {"id": str(ALICE), "connected": True}]}
    assert parse_listing(answer, channels()).online == [ALICE]
    assert "skipped an unusable peer" in caplog.text


def test_a_long_list_of_nonsense_logs_few_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert parse_channels(channels(*[1] * 1000)) == []
    assert len(caplog.records) == 11
    assert caplog.messages[-1] == "skipped 990 more entries of that answer"


@pytest.mark.parametrize("answer", [None, [], {}, {"channels": None}, {"channels": {}}, "x"])
def test_an_answer_of_another_shape_is_refused(answer: object) -> None:
    with pytest.raises(ValueError, match="expected an object with a list of channels"):
        parse_listing(peers(), answer)


@pytest.mark.parametrize(
    ("state", "changes", "was_open"),
    [
        ("CHANNELD_NORMAL", [], True),
        ("CHANNELD_AWAITING_SPLICE", None, True),
        ("CHANNELD_AWAITING_LOCKIN", [], False),
        ("ONCHAIN", [["CHANNELD_NORMAL", "ONCHAIN"]], False),
        ("AWAITING_UNILATERAL", None, True),
        ("AWAITING_UNILATERAL", [], True),
        ("AWAITING_UNILATERAL", [["CHANNELD_NORMAL", "AWAITING_UNILATERAL"]], True),
        ("CLOSINGD_COMPLETE", [["CHANNELD_AWAITING_LOCKIN", "CHANNELD_NORMAL"]], True),
        ("AWAITING_UNILATERAL", [["CHANNELD_AWAITING_LOCKIN", "AWAITING_UNILATERAL"]], False),
        ("CHANNELD_SHUTTING_DOWN", [["CHANNELD_AWAITING_LOCKIN", "x"]], False),
    ],
)
def test_a_closing_channel_was_open_unless_its_history_says_otherwise(
    state: str, changes: list[list[str]] | None, was_open: bool
) -> None:
    words = entry(ID, CHANNEL_1, ALICE, state)
    if changes is not None:
        words["state_changes"] = [{"old_state": old, "new_state": new} for old, new in changes]
    (listed,) = parse_channels(channels(words))
    assert listed.was_open is was_open


def test_a_nonsense_history_does_not_show_an_open() -> None:
    words = entry(ID, CHANNEL_1, ALICE, "CLOSINGD_COMPLETE", state_changes=[None, 5, {}])
    assert not parse_channels(channels(words))[0].was_open


@pytest.mark.parametrize(
    ("index", "end"), [(0, "00"), (1, "01"), (258, "0102"), (2**16 - 1, "ffff")]
)
def test_the_id_of_a_first_generation_channel(index: int, end: str) -> None:
    point = OutPoint("0000" + "ab" * 29 + "cd", index)
    assert first_generation_id(point) == "cd" + "ab" * 29 + end.rjust(4, "0")


def test_an_impossible_output_index_gives_no_id() -> None:
    assert first_generation_id(OutPoint("00" * 32, 2**16)) is None


def test_recorded_first_generation_channels_have_the_derived_ids() -> None:
    derived = 0
    for line in (DATA / "cln-regtest.jsonl").read_text().splitlines():
        result = json.loads(line).get("result", {})
        for each in parse_channels(result) if "channels" in result else []:
            # The second peer's channels are dual-funded; the spliced channel has moved.
            if str(each.channel.peer).startswith("02") and each.short_id != "132x1x0":
                assert first_generation_id(each.channel.channel_point) == each.channel_id
                derived += 1
    assert derived > 50


@given(ANYTHING, ANYTHING, ANYTHING)
def test_nonsense_raises_no_error_but_value_error(first: Any, second: Any, third: Any) -> None:
    words = {"connect": first, "id": second, "channel_id": third, "new_state": "ONCHAIN"}
    for parse in (
        lambda: parse_peer(payload("connect", first)),
        lambda: parse_peer(words),
        lambda: parse_change(words),
        lambda: parse_listing({"peers": [first, second]}, {"channels": [third, words]}),
        lambda: parse_listing(first, second),
    ):
        with contextlib.suppress(ValueError):
            parse()


# Activity and descriptions.


def activity(*entries: dict[str, object]) -> list[bool | None]:
    return [each.channel.active for each in parse_channels(channels(*entries))]


@pytest.mark.parametrize("state", ["CHANNELD_NORMAL", "CHANNELD_AWAITING_SPLICE"])
@pytest.mark.parametrize("is_connected", [True, False])
@pytest.mark.parametrize("is_reestablished", [True, False])
def test_a_channel_is_active_if_reestablished_with_a_connected_peer(
    state: str, is_connected: bool, is_reestablished: bool
) -> None:
    words = entry(
        ID,
        CHANNEL_1,
        ALICE,
        state,
        peer_connected=is_connected,
        reestablished=is_reestablished,
    )
    assert activity(words) == [is_connected and is_reestablished]


@pytest.mark.parametrize("state", sorted(CLOSING | CLOSED))
def test_a_channel_whose_close_has_begun_is_inactive(state: str) -> None:
    words = entry(ID, CHANNEL_1, ALICE, state)
    assert activity(words, {**words, "peer_connected": True, "reestablished": True}) == [
        False,
        False,
    ]


def test_without_reestablished_in_the_list_activity_is_unknown() -> None:
    here = entry(ID, CHANNEL_1, ALICE, peer_connected=True)
    gone = entry(channel_id(2), CHANNEL_2, BOB, peer_connected=False)
    assert activity(here, gone) == [None, None]
    assert activity({**here, "reestablished": True}, gone) == [True, False]


@pytest.mark.parametrize(
    ("msat", "satoshi"),
    [
        (1_000_000_999, 1_000_000),
        ("16777215000msat", 16_777_215),
        ("1000", 1),
        (0, 0),
        (None, None),
        (True, None),
        (1.5, None),
        (-1000, None),
        ("1sat", None),
        ("\x1b[2J", None),
        (10**30, None),
        ("9" * 5000 + "msat", None),
        ({}, None),
    ],
)
def test_the_capacity_is_in_whole_satoshi(msat: object, satoshi: int | None) -> None:
    (listed,) = parse_channels(channels(entry(ID, CHANNEL_1, ALICE, total_msat=msat)))
    assert listed.capacity == satoshi


@pytest.mark.parametrize(("private", "known"), [(True, True), (False, False), (1, None)])
def test_whether_a_channel_is_private_is_listed(private: object, known: bool | None) -> None:
    (listed,) = parse_channels(channels(entry(ID, CHANNEL_1, ALICE, private=private)))
    assert listed.private is known


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ({"type": "ipv4", "address": "203.0.113.5", "port": 9735}, "203.0.113.5"),
        ({"type": "torv3", "address": "abc.onion", "port": 9735}, "abc.onion"),
        ({"type": "websocket", "subtype": "ipv6", "address": "2001:db8::1"}, "2001:db8::1"),
        ({"type": "unresolved", "name": "node.example", "port": 9735}, "node.example"),
        ({"type": "local socket", "socket": "/run/x"}, None),
        ({"address": 5}, None),
        (None, None),
        ("203.0.113.5", None),
    ],
)
def test_a_connect_tells_an_address(address: object, host: str | None) -> None:
    assert parse_connection({"id": str(ALICE), "address": address}) == (ALICE, host, None)


@pytest.mark.parametrize(
    ("direction", "inbound"), [("in", True), ("out", False), ("up", None), (None, None), ([], None)]
)
def test_a_connect_tells_a_direction(direction: object, inbound: bool | None) -> None:
    assert parse_connection({"id": str(ALICE), "direction": direction}).inbound is inbound


@pytest.mark.parametrize(
    ("netaddr", "address"),
    [
        (["203.0.113.5:9735"], "203.0.113.5:9735"),
        (["(ws)203.0.113.5:9735"], "203.0.113.5:9735"),
        ([], None),
        (None, None),
        ([None], None),
        ("203.0.113.5:9735", None),
    ],
)
def test_the_listed_address_of_a_peer_is_read(netaddr: object, address: str | None) -> None:
    listed = {"id": str(ALICE), "connected": True, "netaddr": netaddr}
    gone = {"id": str(BOB), "connected": False, "netaddr": netaddr}
    addresses = parse_listing({"peers": [listed, gone]}, channels()).addresses
    assert addresses == ({} if address is None else {ALICE: address})


def test_an_unannounced_node_has_no_alias() -> None:
    assert parse_alias({"nodes": []}) is None
    assert parse_alias({"nodes": [{"nodeid": str(ALICE)}]}) is None
    assert parse_alias({"nodes": [{"alias": "\x1b[2J"}]}) == "\x1b[2J"


@pytest.mark.parametrize("nodes", [None, [], {}, {"nodes": [{"alias": 5}]}])
def test_an_alias_that_is_not_text_is_an_error(nodes: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_alias(nodes)
