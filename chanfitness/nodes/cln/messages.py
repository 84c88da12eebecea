"""Parser of lightningd's notifications and of its lists of peers and channels. Pure.

A malformed entry of a list is skipped and logged. Any other malformed value raises a
``ValueError`` that shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ...checks import quoted
from ...events import OpenChannel
from ...logs import Log
from ...wire import OutPoint, Vertex
from ..skipped_entries import SkippedEntries

logger = Log(__name__)

NORMAL = "CHANNELD_NORMAL"
_SPLICING = "CHANNELD_AWAITING_SPLICE"

NOT_YET_OPEN = frozenset(
    {
        "OPENINGD",
        "CHANNELD_AWAITING_LOCKIN",
        "DUALOPEND_OPEN_INIT",
        "DUALOPEND_OPEN_COMMIT_READY",
        "DUALOPEND_OPEN_COMMITTED",
        "DUALOPEND_AWAITING_LOCKIN",
    }
)
OPEN = frozenset({NORMAL, _SPLICING})
CLOSING = frozenset(
    {
        "CHANNELD_SHUTTING_DOWN",
        "CLOSINGD_SIGEXCHANGE",
        "CLOSINGD_COMPLETE",
        "AWAITING_UNILATERAL",
    }
)
"""States before a confirmed close. A channel that never opened may have one, too."""
CLOSED = frozenset({"FUNDING_SPEND_SEEN", "ONCHAIN", "CLOSED"})

_NEVER_ACTIVE_AGAIN = CLOSING | CLOSED

_OF_A_FUNDED_CHANNEL = ("channel_id", "funding_txid", "funding_outnum")
_CHANNEL_ID = re.compile(r"[0-9a-f]{64}")
SHORT_ID = re.compile(r"[0-9]{1,8}x[0-9]{1,8}x[0-9]{1,5}")
_MSAT = re.compile(r"([0-9]{1,19})(?:msat)?")
_MSAT_A_SATOSHI = 1000
_WEBSOCKET = "(ws)"  # in front of an address


class Connection(NamedTuple):
    """A ``connect`` notification; ``inbound``: whether the peer connected to this node."""

    peer: Vertex
    address: str | None
    inbound: bool | None


class StateChange(NamedTuple):
    """A ``channel_state_changed`` notification; ``channel_id``: lightningd's id of the channel."""

    channel_id: str
    peer: Vertex
    state: str
    short_id: str | None


class Listed(NamedTuple):
    """A channel in ``listpeerchannels``; ``capacity`` in satoshi.

    ``was_open``: whether it is open, or was before its close began. ``aliases``: further
    short channel ids, of this node and of the peer.
    """

    channel_id: str
    channel: OpenChannel
    state: str
    short_id: str | None
    was_open: bool
    aliases: tuple[str, ...] = ()
    capacity: int | None = None
    private: bool | None = None

    @property
    def awaits_reestablishing(self) -> bool:
        """Whether it is open, but inactive until both ends have reestablished it."""
        return self.channel.active is False and self.state in OPEN


class Listing(NamedTuple):
    """The present channels that have a channel point, and the online peers.

    ``addresses``: the listed addresses of online peers.
    """

    channels: list[Listed]
    online: list[Vertex]
    addresses: dict[Vertex, str]


def payload(topic: str, params: object) -> dict[str, object]:
    """Return a notification's fields, whether nested under its topic or not."""
    inner = params.get(topic, params) if isinstance(params, dict) else params
    if not isinstance(inner, dict):
        raise ValueError(f"expected an object, got {quoted(inner)}")
    return inner


def parse_peer(params: dict[str, object]) -> Vertex:
    """Parse a ``disconnect``."""
    return _vertex(params.get("id"))


def parse_connection(params: dict[str, object]) -> Connection:
    """Parse a ``connect``. An unusable address or direction becomes None."""
    address = params.get("address")
    host = address.get("address", address.get("name")) if isinstance(address, dict) else None
    return Connection(
        _vertex(params.get("id")),
        host if isinstance(host, str) else None,
        {"in": True, "out": False}.get(str(params.get("direction"))),
    )


def parse_alias(nodes: object) -> str | None:
    """Parse the alias in a ``listnodes`` answer for one node; None if it announced none."""
    with SkippedEntries(logger) as skipped:
        for entry in _entries(nodes, "nodes", skipped):
            alias = entry.get("alias")
            if not isinstance(alias, str | None):
                raise ValueError(f"expected an alias, got {quoted(alias)}")
            return alias
    return None


def parse_change(params: dict[str, object]) -> StateChange:
    """Parse a ``channel_state_changed``."""
    state = params.get("new_state")
    if not isinstance(state, str):
        raise ValueError(f"expected a state, got {quoted(state)}")
    return StateChange(
        _channel_id(params.get("channel_id")),
        _vertex(params.get("peer_id")),
        state,
        _short_id(params.get("short_channel_id")),
    )


def parse_listing(peers: object, channels: object) -> Listing:
    """Parse the answers of ``listpeers`` and a later ``listpeerchannels``."""
    online: dict[Vertex, bool] = {}
    addresses: dict[Vertex, str] = {}
    with SkippedEntries(logger) as skipped:
        for entry in _entries(peers, "peers", skipped):
            peer = _note_online(online, entry.get("id"), entry.get("connected"), skipped)
            address = _address(entry.get("netaddr"))
            if peer is not None and address is not None:
                addresses[peer] = address
        for entry in _entries(channels, "channels", skipped):  # newer than the peers
            _note_online(online, entry.get("peer_id"), entry.get("peer_connected"), skipped)
    return Listing(
        parse_channels(channels),
        [peer for peer, is_online in online.items() if is_online],
        {peer: address for peer, address in addresses.items() if online[peer]},
    )


def parse_channels(channels: object) -> list[Listed]:
    """Parse a ``listpeerchannels`` answer, without channels that have no channel point yet."""
    listed = []
    with SkippedEntries(logger) as skipped:
        entries = list(_entries(channels, "channels", skipped))
        # lightningd does since v24.02, for the channels of connected peers.
        says_reestablished = any("reestablished" in entry for entry in entries)
        for entry in entries:
            if None in (entry.get(name) for name in _OF_A_FUNDED_CHANNEL):
                continue
            try:
                listed.append(_listed(entry, says_reestablished))
            except (ValueError, TypeError) as error:
                skipped.because("skipped an unusable channel in lightningd's list: %s", error)
    return listed


def first_generation_id(point: OutPoint) -> str | None:
    """Return the channel id derived from the funding output; None for an index over 65535.

    The last two bytes of the transaction id, in internal byte order, are XORed with the
    output's index (BOLT 2). Dual-funded channels have another id.
    """
    if point.index >= 2**16:
        return None
    name = bytearray(bytes.fromhex(point.txid)[::-1])
    name[-2] ^= point.index >> 8
    name[-1] ^= point.index & 0xFF
    return name.hex()


def _entries(result: object, name: str, skipped: SkippedEntries) -> Iterator[dict[str, object]]:
    entries = result.get(name) if isinstance(result, dict) else None
    if not isinstance(entries, list):
        raise ValueError(f"expected an object with a list of {name}, got {quoted(result)}")
    for entry in entries:
        if isinstance(entry, dict):
            yield entry
        else:
            skipped.because(
                "skipped an unusable entry in lightningd's list of %s: %s", name, quoted(entry)
            )


def _note_online(
    online: dict[Vertex, bool], peer: object, connected: object, skipped: SkippedEntries
) -> Vertex | None:
    """Note whether a peer is online, and return it; None if the list does not say."""
    if not isinstance(connected, bool):
        return None
    try:
        vertex = _vertex(peer)
    except ValueError as error:
        skipped.because("skipped an unusable peer in lightningd's list: %s", error)
        return None
    online[vertex] = connected
    return vertex


def _listed(entry: dict[str, object], says_reestablished: bool) -> Listed:
    state, txid, index = entry.get("state"), entry["funding_txid"], entry["funding_outnum"]
    if not isinstance(state, str):
        raise ValueError(f"expected a state, got {quoted(state)}")
    point = OutPoint(txid, index)  # type: ignore[arg-type]
    active = _activity(entry, state) if says_reestablished or state in _NEVER_ACTIVE_AGAIN else None
    private = entry.get("private")
    return Listed(
        _channel_id(entry["channel_id"]),
        OpenChannel(point, _vertex(entry.get("peer_id")), active),
        state,
        _short_id(entry.get("short_channel_id")),
        state in OPEN or (state in CLOSING and _has_been_open(entry.get("state_changes"))),
        _aliases(entry.get("alias")),
        _satoshi(entry.get("total_msat")),
        private if isinstance(private, bool) else None,
    )


def _activity(entry: dict[str, object], state: str) -> bool:
    is_reestablished = entry.get("peer_connected") is True and entry.get("reestablished") is True
    return is_reestablished and state not in _NEVER_ACTIVE_AGAIN


def _satoshi(msat: object) -> int | None:
    """Convert millisatoshi: a number, or before v23.08 text such as "1000msat"."""
    match = _MSAT.fullmatch(str(msat)) if type(msat) in (int, str) else None
    return int(match[1]) // _MSAT_A_SATOSHI if match else None


def _address(addresses: object) -> str | None:
    """Return the only address in a ``netaddr``."""
    address = addresses[0] if isinstance(addresses, list) and addresses else None
    return address.removeprefix(_WEBSOCKET) if isinstance(address, str) else None


def _has_been_open(changes: object) -> bool:
    """Return whether a closing channel had opened. Assume so if its history is missing."""
    if not isinstance(changes, list) or not changes:
        return True
    states = [
        change.get(name)
        for change in changes
        if isinstance(change, dict)
        for name in ("old_state", "new_state")
    ]
    return any(state in states for state in OPEN)


def _vertex(text: object) -> Vertex:
    if not isinstance(text, str):
        raise ValueError(f"expected a peer's key, got {quoted(text)}")
    return Vertex.parse(text)


def _channel_id(text: object) -> str:
    if not isinstance(text, str) or not _CHANNEL_ID.fullmatch(text.lower()):
        raise ValueError(f"expected a channel_id, got {quoted(text)}")
    return text.lower()


def _short_id(text: object) -> str | None:
    return text if isinstance(text, str) and SHORT_ID.fullmatch(text) else None


def _aliases(alias: object) -> tuple[str, ...]:
    if not isinstance(alias, dict):
        return ()
    names = [_short_id(alias.get(side)) for side in ("local", "remote")]
    return tuple(name for name in names if name is not None)
