"""Sample messages of each kind, produced by the rules from invented snapshots."""

from __future__ import annotations

import datetime

from ..clock import SystemClock
from ..core.channel import ChannelInfo
from ..core.peerlog import PeerInfo
from ..wire import OutPoint, Vertex
from .draft import Rules
from .messages import KINDS, Message
from .rules import decide
from .snapshot import PAST, Past, Snapshot, TransportOutage
from .state import State

_ZERO, _HOUR = datetime.timedelta(0), datetime.timedelta(hours=1)
_AFTER = 6 * _HOUR
_TEST = "test: "
_PAST = Past(PAST, _ZERO, datetime.timedelta(minutes=41))


def samples(without: frozenset[str] = frozenset()) -> list[Message]:
    """Return a message of each kind that is not left out."""
    now, state = SystemClock().now(), State()
    found: dict[str, Message] = {}
    for snapshot in _story(now):
        decision = decide(Rules(_AFTER), state, snapshot, lambda _: _PAST)
        state = decision.state
        found |= {message.kind: message for message in decision.messages}
    return [
        found[kind]._replace(text=_TEST + found[kind].text) for kind in KINDS if kind not in without
    ]


def _story(now: datetime.datetime) -> list[Snapshot]:
    """Return snapshots from good to bad and back, which cause all kinds of messages."""
    good = _seen(now - 7 * _HOUR, flaps=0)
    bad = good._replace(
        now=now,
        peers=(_peer(1, now - 7 * _HOUR, online=False), _peer(2, now, flaps=12)),
        channels=(
            _channel(1, offline=7 * _HOUR),
            _channel(2, unusable=7 * _HOUR, active=False),
        ),
        transport_outages=(TransportOutage("tor", now - _HOUR, 12),),
        unsaved_since=now - _HOUR,
        unsaved_reason="No space left on device",
    )
    blind = good._replace(now=now, sees=False, seen_until=now - _HOUR)
    return [
        good,
        bad,
        _seen(now, flaps=12)._replace(channels=(_channel(1, offline=7 * _HOUR), _channel(2))),
        blind,
        blind._replace(blind=_HOUR),
        blind._replace(own_outage=now - _HOUR),
    ]


def _seen(now: datetime.datetime, *, flaps: int) -> Snapshot:
    peers = (_peer(1, now), _peer(2, now, flaps=flaps))
    channels = (_channel(1), _channel(2), *([_channel(3)] if not flaps else []))
    return Snapshot(now, True, _ZERO, None, peers, channels)


def _peer(
    number: int, since: datetime.datetime, *, online: bool = True, flaps: int = 0
) -> PeerInfo:
    points = (_point(number),)
    return PeerInfo(_key(number), online, since, flaps, None, points, f"peer {number}")


def _key(number: int) -> Vertex:
    return Vertex(b"\x02" + bytes(31) + bytes([number]))


def _point(number: int) -> OutPoint:
    return OutPoint(f"{number:064x}", 0)


def _channel(
    number: int,
    *,
    offline: datetime.timedelta = _ZERO,
    unusable: datetime.timedelta = _ZERO,
    active: bool = True,
) -> ChannelInfo:
    lifetime = 1000 * _HOUR
    return ChannelInfo(
        _point(number),
        _key(min(number, 2)),
        lifetime,
        lifetime - offline,
        unusable,
        active,
        f"{700_000 + number}x1x0",
        5_000_000 * number,
    )
