"""Events: equality, immutability, times and representation."""

from __future__ import annotations

import copy
import pickle
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from chanfitness import (
    ChannelMovedEvent,
    ClosedChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
)

from .support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, SECOND, START

NAIVE = datetime(2026, 1, 1)
CHANNEL_EVENTS = [OpenChannelEvent, ClosedChannelEvent]
PEER_EVENTS = [PeerOnlineEvent, PeerOfflineEvent]
EVENTS = [
    OpenChannelEvent(CHANNEL_1, ALICE),
    ClosedChannelEvent(CHANNEL_1, ALICE),
    PeerOnlineEvent(ALICE),
    PeerOfflineEvent(ALICE),
    OpenChannelEvent(CHANNEL_1, ALICE, START),
    ClosedChannelEvent(CHANNEL_1, ALICE, START),
    PeerOnlineEvent(ALICE, START),
    PeerOfflineEvent(ALICE, START),
]


@pytest.mark.parametrize("kind", CHANNEL_EVENTS)
def test_a_channel_event_has_named_fields(kind: Any) -> None:
    event = kind(CHANNEL_1, ALICE, at=START)

    assert (event.channel_point, event.peer, event.at) == (CHANNEL_1, ALICE, START)
    assert kind(channel_point=CHANNEL_1, peer=ALICE, at=START) == event


@pytest.mark.parametrize("kind", PEER_EVENTS)
def test_a_peer_event_has_named_fields(kind: Any) -> None:
    event = kind(ALICE, at=START)

    assert (event.peer, event.at) == (ALICE, START)
    assert kind(peer=ALICE, at=START) == event


@pytest.mark.parametrize("event", EVENTS[:4])
def test_an_event_has_no_time_by_default(event: PeerOnlineEvent) -> None:
    assert event.at is None


@pytest.mark.parametrize("kind", CHANNEL_EVENTS)
def test_channel_events_are_equal_if_all_fields_are(kind: Any) -> None:
    event = kind(CHANNEL_1, ALICE, START)

    assert event == kind(CHANNEL_1, ALICE, START)
    assert event != kind(CHANNEL_2, ALICE, START)
    assert event != kind(CHANNEL_1, BOB, START)
    assert event != kind(CHANNEL_1, ALICE, START + SECOND)
    assert event != kind(CHANNEL_1, ALICE)


@pytest.mark.parametrize("kind", PEER_EVENTS)
def test_peer_events_are_equal_if_all_fields_are(kind: Any) -> None:
    event = kind(ALICE, START)

    assert event == kind(ALICE, START)
    assert event != kind(BOB, START)
    assert event != kind(ALICE, START + SECOND)
    assert event != kind(ALICE)


def test_events_of_different_types_differ() -> None:
    for event in EVENTS:
        assert [event == other for other in EVENTS].count(True) == 1
        assert [event != other for other in EVENTS].count(False) == 1


def test_an_event_is_not_equal_to_the_tuple_of_its_fields() -> None:
    opened = OpenChannelEvent(CHANNEL_1, ALICE)
    fields: tuple[object, ...] = (CHANNEL_1, ALICE, None)

    assert not opened == fields  # noqa: SIM201
    assert not fields == opened  # noqa: SIM201
    assert opened != fields
    assert fields != opened


def test_equal_events_are_one_member_of_a_set_and_different_ones_are_not() -> None:
    assert len({*EVENTS, *map(copy.deepcopy, EVENTS)}) == len(EVENTS)


def test_the_same_moment_in_another_zone_makes_an_equal_event() -> None:
    elsewhere = START.astimezone(timezone(timedelta(hours=5)))

    assert PeerOnlineEvent(ALICE, elsewhere) == PeerOnlineEvent(ALICE, START)
    assert hash(PeerOnlineEvent(ALICE, elsewhere)) == hash(PeerOnlineEvent(ALICE, START))


@pytest.mark.parametrize("event", [*EVENTS, OpenChannel(CHANNEL_1, ALICE)])
def test_no_field_can_be_changed_or_added(event: Any) -> None:
    for name in ("peer", "at", "channel_point", "colour"):
        with pytest.raises(AttributeError):
            setattr(event, name, BOB)
    with pytest.raises(AttributeError):
        del event.peer
    with pytest.raises(TypeError):
        event[0] = BOB


@pytest.mark.parametrize("kind", CHANNEL_EVENTS)
def test_a_naive_time_is_refused_by_a_channel_event(kind: Any) -> None:
    with pytest.raises(ValueError, match=r"naive time datetime\.datetime\(2026, 1, 1, 0, 0\)"):
        kind(CHANNEL_1, ALICE, at=NAIVE)


@pytest.mark.parametrize("kind", PEER_EVENTS)
def test_a_naive_time_is_refused_by_a_peer_event(kind: Any) -> None:
    with pytest.raises(ValueError, match=r"naive time datetime\.datetime\(2026, 1, 1, 0, 0\)"):
        kind(ALICE, at=NAIVE)


def test_a_time_whose_zone_has_no_offset_is_refused_as_naive() -> None:
    class Nowhere(timezone.__base__):  # type: ignore[name-defined,misc]
        def utcoffset(self, when: datetime | None) -> None:
            return None

    with pytest.raises(ValueError, match="naive time"):
        PeerOnlineEvent(ALICE, NAIVE.replace(tzinfo=Nowhere()))


@pytest.mark.parametrize("at", ["noon", 0, 1767225600.0, date(2026, 1, 1), SECOND])
@pytest.mark.parametrize(
    "make",
    [
        lambda at: OpenChannelEvent(CHANNEL_1, ALICE, at),
        lambda at: ClosedChannelEvent(CHANNEL_1, ALICE, at),
        lambda at: ChannelMovedEvent(CHANNEL_1, CHANNEL_2, ALICE, at),
        lambda at: PeerOnlineEvent(ALICE, at),
        lambda at: PeerOfflineEvent(ALICE, at),
        lambda at: MonitoringPausedEvent(at),
        lambda at: MonitoringResumedEvent([], [], at),
        lambda at: SnapshotEvent([], [], at),
    ],
)
def test_a_time_of_another_type_is_refused_with_an_example(make: Any, at: Any) -> None:
    with pytest.raises(TypeError, match=r"no time: .*: an event's `at` must be an aware") as caught:
        make(at)
    assert repr(at) in str(caught.value)
    assert "such as datetime.now(timezone.utc)" in str(caught.value)


@pytest.mark.parametrize("kind", CHANNEL_EVENTS)
def test_other_fields_are_not_checked_by_a_channel_event(kind: Any) -> None:
    event = kind("a channel", 7)

    assert (event.channel_point, event.peer) == ("a channel", 7)


@pytest.mark.parametrize("kind", PEER_EVENTS)
def test_other_fields_are_not_checked_by_a_peer_event(kind: Any) -> None:
    assert kind(None).peer is None


@pytest.mark.parametrize("kind", [*CHANNEL_EVENTS, *PEER_EVENTS])
def test_missing_and_unknown_fields_are_refused(kind: Any) -> None:
    with pytest.raises(TypeError):
        kind()
    with pytest.raises(TypeError):
        kind(CHANNEL_1, ALICE, START, "more")
    with pytest.raises(TypeError):
        kind(peer=ALICE, colour="red")


@pytest.mark.parametrize("event", [*EVENTS, OpenChannel(CHANNEL_1, ALICE)])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_event_survives_pickling_and_copying(event: object, protocol: int) -> None:
    for twin in (pickle.loads(pickle.dumps(event, protocol)), copy.deepcopy(event)):
        assert (twin, type(twin), hash(twin)) == (event, type(event), hash(event))


def test_an_open_channel_is_a_channel_point_and_a_peer() -> None:
    channel = OpenChannel(channel_point=CHANNEL_1, peer=ALICE)

    assert (channel.channel_point, channel.peer) == (CHANNEL_1, ALICE)
    assert channel == OpenChannel(CHANNEL_1, ALICE)
    assert channel != OpenChannel(CHANNEL_2, ALICE)
    assert hash(channel) == hash(OpenChannel(CHANNEL_1, ALICE))


def test_an_open_channel_is_not_equal_to_an_event() -> None:
    assert OpenChannel(CHANNEL_1, ALICE) != OpenChannelEvent(CHANNEL_1, ALICE)
