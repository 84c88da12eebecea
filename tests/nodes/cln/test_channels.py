"""Events of a lightningd's channels: opens, moves and closes, seen and unseen."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chanfitness import (
    ActiveChannelEvent,
    ChannelMovedEvent,
    ClosedChannelEvent,
    InactiveChannelEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    OutPoint,
    SnapshotEvent,
    Vertex,
)
from chanfitness.nodes.cln.channels import Channels, Event
from chanfitness.nodes.cln.messages import Listed, Listing, StateChange

from ...support.cln_messages import channel_id, id_of
from ...support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, CHANNEL_3, SECOND, START, outpoint

ID = channel_id(7)
NORMAL = "CHANNELD_NORMAL"
AT = START + SECOND
CLOSED = ["FUNDING_SPEND_SEEN", "ONCHAIN", "CLOSED"]
CLOSING = [
    "CHANNELD_SHUTTING_DOWN",
    "CLOSINGD_SIGEXCHANGE",
    "CLOSINGD_COMPLETE",
    "AWAITING_UNILATERAL",
]
NOT_YET = ["OPENINGD", "CHANNELD_AWAITING_LOCKIN", "DUALOPEND_AWAITING_LOCKIN"]


def listed(
    point: OutPoint,
    state: str = NORMAL,
    *,
    name: str = ID,
    peer: Vertex = ALICE,
    short_id: str | None = None,
    was_open: bool = True,
    aliases: tuple[str, ...] = (),
    active: bool | None = None,
) -> Listed:
    return Listed(name, OpenChannel(point, peer, active), state, short_id, was_open, aliases)


def changed(state: str, *, name: str = ID, short_id: str | None = None) -> StateChange:
    return StateChange(name, ALICE, state, short_id)


def watched(*channels: Listed) -> Channels:
    """Return channels that were listed as open."""
    known = Channels({})
    known.snapshot(MonitoringResumedEvent, Listing(list(channels), [], {}), AT, [])
    return known


def resumed(
    channels: list[Listed], remembered: list[OutPoint], ids: dict[str, OutPoint] | None = None
) -> list[Event]:
    """Return the events of a listing, with these channels with Alice remembered."""
    known = Channels(ids or {})
    open_before = [OpenChannel(point, ALICE) for point in remembered]
    return known.snapshot(MonitoringResumedEvent, Listing(channels, [ALICE], {}), AT, open_before)


def snapshot(*points: OutPoint) -> MonitoringResumedEvent:
    return MonitoringResumedEvent([OpenChannel(point, ALICE) for point in points], [ALICE], AT)


# Notified changes.


def test_a_channel_opens_when_it_is_normal() -> None:
    channels = watched()
    assert channels.needs_listing(changed(NORMAL))
    assert channels.take(changed(NORMAL), AT, [listed(CHANNEL_1)]) == [
        OpenChannelEvent(CHANNEL_1, ALICE, AT)
    ]
    assert (len(channels), channels.ids) == (1, {ID: CHANNEL_1})


def test_an_open_channel_does_not_open_again() -> None:
    channels = watched(listed(CHANNEL_1))
    assert channels.take(changed(NORMAL), AT, [listed(CHANNEL_1)]) == []


def test_a_change_is_matched_to_its_channel_in_the_list() -> None:
    others = [listed(CHANNEL_2, name=channel_id(8)), listed(CHANNEL_1)]
    assert watched().take(changed(NORMAL), AT, others) == [OpenChannelEvent(CHANNEL_1, ALICE, AT)]


def test_a_change_of_an_unlisted_channel_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    assert watched().take(changed(NORMAL), AT, []) == []
    assert f"does not list channel {ID}" in caplog.text


def test_an_opened_channel_may_be_listed_in_an_earlier_state() -> None:
    behind = listed(CHANNEL_1, "CHANNELD_AWAITING_LOCKIN", was_open=False)
    assert watched().take(changed(NORMAL), AT, [behind]) == [OpenChannelEvent(CHANNEL_1, ALICE, AT)]


@pytest.mark.parametrize("first", CLOSED)
def test_the_first_state_after_a_confirmed_close_is_the_close_event(first: str) -> None:
    channels = watched(listed(CHANNEL_1))
    assert not channels.needs_listing(changed(first))
    assert channels.take(changed(first), AT) == [ClosedChannelEvent(CHANNEL_1, ALICE, AT)]
    assert (len(channels), channels.ids) == (0, {})
    for back_and_forth in CLOSED + CLOSED:
        assert channels.take(changed(back_and_forth), AT) == []


@pytest.mark.parametrize("active", [True, None])
@pytest.mark.parametrize("state", CLOSING)
def test_a_closing_channel_is_open_and_inactive(state: str, active: bool | None) -> None:
    channels = watched(listed(CHANNEL_1, active=active))
    assert not channels.needs_listing(changed(state))
    assert channels.take(changed(state), AT) == [InactiveChannelEvent(CHANNEL_1, AT)]
    assert channels.take(changed(state), AT) == []
    assert len(channels) == 1


def test_a_splicing_channel_is_open_and_active() -> None:
    channels = watched(listed(CHANNEL_1, active=True))
    assert not channels.needs_listing(changed("CHANNELD_AWAITING_SPLICE"))
    assert channels.take(changed("CHANNELD_AWAITING_SPLICE"), AT) == []
    assert len(channels) == 1


@pytest.mark.parametrize("state", NOT_YET)
def test_an_opening_channel_is_no_event(state: str) -> None:
    assert not watched().needs_listing(changed(state))
    assert watched().take(changed(state), AT) == []


@pytest.mark.parametrize("state", CLOSING)
def test_a_channel_whose_open_was_missed_opens_late(state: str) -> None:
    channels = watched()
    assert channels.needs_listing(changed(state))
    assert channels.take(changed(state), AT, [listed(CHANNEL_1, state)]) == [
        OpenChannelEvent(CHANNEL_1, ALICE, AT),
        InactiveChannelEvent(CHANNEL_1, AT),
    ]


@pytest.mark.parametrize("state", CLOSING)
def test_the_close_of_a_channel_that_never_opened_is_no_event(state: str) -> None:
    channels = watched()
    assert channels.take(changed(state), AT, [listed(CHANNEL_1, state, was_open=False)]) == []
    assert channels.take(changed("FUNDING_SPEND_SEEN"), AT) == []


def test_an_unknown_state_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    channels = watched(listed(CHANNEL_1))
    for _ in range(3):
        assert channels.take(changed("CHANNELD_\x1b[2J"), AT) == []
    assert caplog.text.count("unknown state: 'CHANNELD_\\x1b[2J'") == 1


def test_the_number_of_remembered_unknown_states_is_limited(
    caplog: pytest.LogCaptureFixture,
) -> None:
    channels = watched()
    for number in range(500):
        channels.take(changed(f"STATE_{number}"), AT)
    assert len(caplog.records) == 100


def test_a_channel_listed_as_open_and_as_closed_is_closed() -> None:
    channels = watched(listed(CHANNEL_1), listed(CHANNEL_1, "CLOSED"))
    assert len(channels) == 0
    assert channels.ids == {}
    assert channels.take(changed("CLOSED"), START) == []


def test_a_splice_moves_the_channel() -> None:
    channels = watched(listed(CHANNEL_1, short_id="1x1x1"), listed(CHANNEL_3, name=channel_id(8)))
    assert channels.take(changed("CHANNELD_AWAITING_SPLICE"), AT) == []
    spliced = listed(CHANNEL_2, short_id="2x1x1")
    assert channels.take(changed(NORMAL), AT, [spliced]) == [
        ChannelMovedEvent(CHANNEL_1, CHANNEL_2, ALICE, AT)
    ]
    assert channels.ids == {ID: CHANNEL_2, channel_id(8): CHANNEL_3}
    assert channels.take(changed("ONCHAIN"), AT + SECOND) == [
        ClosedChannelEvent(CHANNEL_2, ALICE, AT + SECOND)
    ]


def test_an_abandoned_splice_is_no_event() -> None:
    channels = watched(listed(CHANNEL_1))
    channels.take(changed("CHANNELD_AWAITING_SPLICE"), AT)
    assert channels.take(changed(NORMAL), AT, [listed(CHANNEL_1)]) == []


# Activity.


@pytest.mark.parametrize(
    ("active", "told"),
    [
        (True, [ActiveChannelEvent(CHANNEL_1, AT)]),
        (False, [InactiveChannelEvent(CHANNEL_1, AT)]),
        (None, []),
    ],
)
def test_an_opened_channel_has_its_listed_activity(active: bool | None, told: list[Event]) -> None:
    events = watched().take(changed(NORMAL), AT, [listed(CHANNEL_1, active=active)])
    assert events == [OpenChannelEvent(CHANNEL_1, ALICE, AT), *told]


@pytest.mark.parametrize("active", [True, False])
def test_a_splice_keeps_the_activity(active: bool) -> None:
    channels = watched(listed(CHANNEL_1, active=active))
    for point, listed_active in ((CHANNEL_2, active), (CHANNEL_3, None)):
        (event,) = channels.take(changed(NORMAL), AT, [listed(point, active=listed_active)])
        assert isinstance(event, ChannelMovedEvent)
    assert channels.relisted([listed(CHANNEL_3, active=active)], AT) == []


def test_active_channels_of_a_disconnected_peer_become_inactive() -> None:
    ids = [channel_id(number) for number in range(4)]
    channels = watched(
        listed(CHANNEL_1, name=ids[0], active=True),
        listed(CHANNEL_2, name=ids[1], active=False),
        listed(CHANNEL_3, name=ids[2], active=None),
        listed(outpoint(4), name=ids[3], active=True, peer=BOB),
    )
    assert channels.disconnected(ALICE, AT) == [InactiveChannelEvent(CHANNEL_1, AT)]
    assert channels.disconnected(ALICE, AT) == []


@pytest.mark.parametrize("active", [True, False])
def test_after_a_connect_the_listed_activity_is_always_told(active: bool) -> None:
    event = ActiveChannelEvent if active else InactiveChannelEvent
    channels = watched(listed(CHANNEL_1, active=active))
    assert channels.relisted([listed(CHANNEL_1, active=active)], AT) == []
    channels.connected(ALICE)
    for told in ([event(CHANNEL_1, AT)], []):
        assert channels.relisted([listed(CHANNEL_1, active=active)], AT) == told


def test_a_snapshot_has_the_activity_of_channels() -> None:
    entries = [listed(CHANNEL_1, active=True), listed(CHANNEL_2, name=channel_id(8), active=False)]
    (event,) = resumed(entries, [])
    assert isinstance(event, MonitoringResumedEvent)
    assert [channel.active for channel in event.open_channels] == [True, False]


# Names.


def test_every_listed_name_finds_the_channel() -> None:
    channels = watched(listed(CHANNEL_1, short_id="1x1x1", aliases=("16000000x1x1", "9x9x9")))
    for name in (ID, str(CHANNEL_1), "1x1x1", "16000000x1x1", "9x9x9"):
        assert channels.names[name] == CHANNEL_1


def test_a_channel_keeps_its_names_when_it_moves_and_when_it_closes() -> None:
    channels = watched(listed(CHANNEL_1, short_id="1x1x1"))
    channels.take(changed(NORMAL, short_id="2x1x1"), AT, [listed(CHANNEL_2)])
    channels.take(changed("ONCHAIN"), AT)
    assert channels.names == dict.fromkeys(
        [ID, "1x1x1", "2x1x1", str(CHANNEL_1), str(CHANNEL_2)], CHANNEL_2
    )


def test_a_saved_channel_id_finds_its_channel() -> None:
    assert Channels({ID: CHANNEL_1}).names == {ID: CHANNEL_1}


def test_an_alias_never_hides_the_name_of_another_channel() -> None:
    mine, other = listed(CHANNEL_1, short_id="1x1x1"), channel_id(8)
    greedy = listed(CHANNEL_2, name=other, aliases=("1x1x1",))
    assert watched(mine, greedy).names["1x1x1"] == CHANNEL_1
    assert watched(greedy, mine).names["1x1x1"] == CHANNEL_1


def test_a_changed_alias_replaces_the_old_one() -> None:
    channels = watched(listed(CHANNEL_1))
    for number in range(1000):
        channels.relisted([listed(CHANNEL_1, aliases=(f"{number}x1x1",))], AT)
    assert len(channels.names) == 3


@pytest.mark.parametrize("state", [NORMAL, "CHANNELD_SHUTTING_DOWN", "AWAITING_UNILATERAL"])
def test_a_late_short_channel_id_is_lacking_until_it_comes(state: str) -> None:
    channels = watched(listed(CHANNEL_1))
    assert channels.lacks_short_id(ALICE)
    assert not channels.lacks_short_id(BOB)
    channels.take(changed(state, short_id="1x1x1"), AT, [listed(CHANNEL_1)])
    assert channels.names["1x1x1"] == CHANNEL_1
    assert not channels.lacks_short_id(ALICE)


def test_a_closed_channel_lacks_no_short_channel_id() -> None:
    channels = watched(listed(CHANNEL_1))
    channels.take(changed("ONCHAIN"), AT)
    assert not channels.lacks_short_id(ALICE)


def test_only_open_channels_get_names_and_activity_from_a_new_listing() -> None:
    channels = watched(listed(CHANNEL_1))
    again = [
        listed(CHANNEL_1, short_id="1x1x1"),
        listed(CHANNEL_2, short_id="2x2x2", active=True),
        listed(CHANNEL_3, name=channel_id(8), short_id="3x3x3", active=True),
    ]
    assert channels.relisted(again, AT) == []
    assert channels.names == dict.fromkeys([ID, str(CHANNEL_1), "1x1x1"], CHANNEL_1)


# Snapshots.


@pytest.mark.parametrize("state", [NORMAL, "CHANNELD_AWAITING_SPLICE", *CLOSING])
def test_a_snapshot_has_channels_until_their_close_is_confirmed(state: str) -> None:
    assert resumed([listed(CHANNEL_1, state)], []) == [snapshot(CHANNEL_1)]


@pytest.mark.parametrize("state", [*NOT_YET, *CLOSED])
def test_a_snapshot_lacks_channels_not_yet_open_or_closed(state: str) -> None:
    assert resumed([listed(CHANNEL_1, state, was_open=False)], [], {}) == [snapshot()]


@pytest.mark.parametrize("state", CLOSING)
def test_a_closing_channel_that_never_opened_is_open_only_if_remembered(state: str) -> None:
    closing = listed(CHANNEL_1, state, was_open=False)
    assert resumed([closing], []) == [snapshot()]
    assert resumed([closing], [CHANNEL_1]) == [snapshot(CHANNEL_1)]


def test_a_channel_in_an_unknown_state_is_open_if_remembered() -> None:
    strange = listed(CHANNEL_1, "CHANNELD_OF_THE_FUTURE", was_open=False)
    assert resumed([strange], []) == [snapshot()]
    assert resumed([strange], [CHANNEL_1]) == [snapshot(CHANNEL_1)]


@pytest.mark.parametrize("state", CLOSED)
def test_an_unseen_close_is_told_after_the_snapshot(state: str) -> None:
    closed = listed(CHANNEL_1, state, was_open=False)
    assert resumed([closed], [CHANNEL_1], {ID: CHANNEL_1}) == [
        snapshot(CHANNEL_1),
        ClosedChannelEvent(CHANNEL_1, ALICE),
    ]


def test_a_remembered_but_unlisted_channel_is_not_in_the_snapshot() -> None:
    assert resumed([], [CHANNEL_1]) == [snapshot()]


def test_an_unseen_splice_is_told_before_the_snapshot() -> None:
    assert resumed([listed(CHANNEL_2)], [CHANNEL_1], {ID: CHANNEL_1}) == [
        ChannelMovedEvent(CHANNEL_1, CHANNEL_2, ALICE),
        snapshot(CHANNEL_2),
    ]


def test_an_unknown_channel_id_is_derived_from_the_funding() -> None:
    spliced = listed(CHANNEL_2, name=id_of(CHANNEL_1))
    assert resumed([spliced], [CHANNEL_1]) == [
        ChannelMovedEvent(CHANNEL_1, CHANNEL_2, ALICE),
        snapshot(CHANNEL_2),
    ]


def test_a_known_channel_id_is_not_derived() -> None:
    other = listed(CHANNEL_2, name=id_of(CHANNEL_1))
    assert resumed([other], [CHANNEL_1], {ID: CHANNEL_1}) == [snapshot(CHANNEL_2)]


def test_a_channel_point_without_a_derivable_id_has_none() -> None:
    far = OutPoint("ab" * 32, 2**16)
    assert resumed([listed(CHANNEL_2)], [far]) == [snapshot(CHANNEL_2)]


def test_a_splice_saved_before_its_channel_id_is_told_once() -> None:
    assert resumed([listed(CHANNEL_2)], [CHANNEL_2], {ID: CHANNEL_1}) == [snapshot(CHANNEL_2)]


def test_an_unseen_splice_and_an_unseen_close_are_told_in_order() -> None:
    closed = listed(CHANNEL_2, "ONCHAIN", was_open=False)
    assert resumed([closed], [CHANNEL_1], {ID: CHANNEL_1}) == [
        ChannelMovedEvent(CHANNEL_1, CHANNEL_2, ALICE),
        snapshot(CHANNEL_2),
        ClosedChannelEvent(CHANNEL_2, ALICE),
    ]


def test_ids_of_unlisted_channels_are_kept_and_of_closed_ones_dropped() -> None:
    channels = Channels({ID: CHANNEL_1, channel_id(8): CHANNEL_2})
    listing = Listing([listed(CHANNEL_1, "ONCHAIN", was_open=False)], [], {})
    channels.snapshot(MonitoringResumedEvent, listing, AT, [])
    assert channels.ids == {channel_id(8): CHANNEL_2}


@pytest.mark.parametrize("kind", [MonitoringResumedEvent, SnapshotEvent])
def test_a_snapshot_keeps_the_order_of_the_listing_and_all_peers(
    kind: type[MonitoringResumedEvent | SnapshotEvent],
) -> None:
    known = Channels({})
    entries = [
        listed(CHANNEL_2, name=channel_id(8), peer=BOB),
        listed(CHANNEL_1, peer=ALICE),
    ]
    (event,) = known.snapshot(kind, Listing(entries, [BOB, ALICE], {}), AT, [])
    open_channels = [OpenChannel(CHANNEL_2, BOB), OpenChannel(CHANNEL_1, ALICE)]
    assert event == kind(open_channels, [BOB, ALICE], AT)


def test_a_channel_of_the_snapshot_closes_by_an_event() -> None:
    channels = watched(listed(CHANNEL_1))
    late = AT + timedelta(days=1)
    assert channels.take(changed("CLOSED"), late) == [ClosedChannelEvent(CHANNEL_1, ALICE, late)]
