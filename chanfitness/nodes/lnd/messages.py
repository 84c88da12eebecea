"""Decoder of lnd's messages, as declared in ``lnd.proto``.

The message classes are made from that file at import, in a descriptor pool of their own. They
do not clash with lnd's full messages in the same process, need no generated code, and work
with any protobuf from 4.25 on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib import resources
from typing import Any, NamedTuple, TypeVar

from ...checks import extra
from ...events import (
    ActiveChannelEvent,
    ChannelDescribedEvent,
    ClosedChannelEvent,
    InactiveChannelEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from ...logs import Log
from ...wire import OutPoint, Vertex
from ..skipped_entries import SkippedEntries
from ..transports import transport_of

with extra("lnd"):
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

logger = Log("chanfitness.nodes.lnd")

T = TypeVar("T")


class ListedChannel(NamedTuple):
    """A listed channel, with its description. ``alias``: its peer's, or None."""

    channel: OpenChannel
    description: ChannelDescribedEvent
    alias: str | None


class ListedPeer(NamedTuple):
    """An online peer. ``transport``: None without an address."""

    peer: Vertex
    transport: str | None


_COMMENT = re.compile(r"//.*")
_PACKAGE = re.compile(r"package ([\w.]+);")
_MESSAGE = re.compile(r"message (\w+) \{([^}]*)\}")
_FIELD = re.compile(r"(repeated )?(\w+) (\w+) = (\d+);")

_ONLINE, _OFFLINE = 0, 1
_ALL_BITCOIN = 21 * 10**14  # satoshi

_NO_ALIAS = "unable to lookup peer alias: "
"""The beginning of lnd's error text in place of an alias."""

_ALIAS_BYTES = 32  # the maximum: a longer text with that beginning is lnd's error


def describe(text: str) -> descriptor_pb2.FileDescriptorProto:
    """Return the file descriptor of a ``.proto`` file of messages with plain fields."""
    text = _COMMENT.sub("", text)
    (package,) = _PACKAGE.findall(text)
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto", package=package, syntax="proto3"
    )
    kind = descriptor_pb2.FieldDescriptorProto
    types = {
        "bool": kind.TYPE_BOOL,
        "bytes": kind.TYPE_BYTES,
        "int32": kind.TYPE_INT32,
        "int64": kind.TYPE_INT64,
        "uint32": kind.TYPE_UINT32,
        "uint64": kind.TYPE_UINT64,
    }
    for name, body in _MESSAGE.findall(text):
        message = file.message_type.add(name=name)
        for repeated, type_name, field_name, number in _FIELD.findall(body):
            field = message.field.add(
                name=field_name,
                number=int(number),
                label=kind.LABEL_REPEATED if repeated else kind.LABEL_OPTIONAL,
                type=types.get(type_name, kind.TYPE_MESSAGE),
            )
            if type_name not in types:
                field.type_name = f".{package}.{type_name}"
    return file


def _make_messages() -> dict[str, Any]:
    file = describe(resources.files(__package__).joinpath("lnd.proto").read_text("utf-8"))
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        message.name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{file.package}.{message.name}")
        )
        for message in file.message_type
    }


MESSAGES = _make_messages()
"""Message classes by name."""


LIST_CHANNELS_REQUEST: bytes = MESSAGES["ListChannelsRequest"](
    peer_alias_lookup=True
).SerializeToString()
"""A request for all channels, with the aliases of their peers."""


def channel_events(raw: bytes) -> list[object]:
    """Return the events of a ``SubscribeChannelEvents`` message; none for unread kinds.

    A new channel is inactive until lnd sends that it is active, once the peer is ready, too.
    (``active`` in the open message is always set.)

    Raise ``ValueError`` for a bad key or channel point, ``DecodeError`` for an undecodable
    message.
    """
    update = MESSAGES["ChannelEventUpdate"].FromString(raw)
    if update.HasField("open_channel"):
        point, peer = _point_and_peer(update.open_channel)
        return [
            OpenChannelEvent(point, peer),
            InactiveChannelEvent(point),
            _description(point, update.open_channel),
        ]
    if update.HasField("closed_channel"):
        return [ClosedChannelEvent(*_point_and_peer(update.closed_channel))]
    if update.HasField("active_channel"):
        return [ActiveChannelEvent(_channel_point(update.active_channel))]
    if update.HasField("inactive_channel"):
        return [InactiveChannelEvent(_channel_point(update.inactive_channel))]
    return []


def peer_events(raw: bytes) -> list[object]:
    """Return the events of a ``SubscribePeerEvents`` message, as :func:`channel_events`."""
    event = MESSAGES["PeerEvent"].FromString(raw)
    if event.type == _ONLINE:
        return [PeerOnlineEvent(_vertex(event.pub_key))]
    if event.type == _OFFLINE:
        return [PeerOfflineEvent(_vertex(event.pub_key))]
    return []


def listed_channels(raw: bytes) -> list[ListedChannel]:
    """Return the channels of a ``ListChannels`` answer; unusable ones are logged and skipped.

    Raise ``DecodeError`` for an undecodable message.
    """
    return _usable(_listed_channel, MESSAGES["ListChannelsResponse"].FromString(raw).channels)


def listed_peers(raw: bytes) -> list[ListedPeer]:
    """Return the peers of a ``ListPeers`` answer, as :func:`listed_channels`."""
    return _usable(_listed_peer, MESSAGES["ListPeersResponse"].FromString(raw).peers)


def _usable(decode: Callable[[Any], T], messages: Iterable[Any]) -> list[T]:
    values = []
    with SkippedEntries(logger) as skipped:
        for message in messages:
            try:
                values.append(decode(message))
            except ValueError as error:
                skipped.because("skipped an unusable entry in lnd's answer: %s", error)
    return values


def _listed_channel(message: Any) -> ListedChannel:
    point, peer = _point_and_peer(message)
    return ListedChannel(
        OpenChannel(point, peer, message.active),
        _description(point, message),
        _alias(message.peer_alias),
    )


def _description(point: OutPoint, message: Any) -> ChannelDescribedEvent:
    return ChannelDescribedEvent(
        point,
        _short_channel_id(message),
        message.capacity if 0 < message.capacity <= _ALL_BITCOIN else None,
        message.private,
    )


def _short_channel_id(message: Any) -> str | None:
    """Return the short channel id, the place of the funding in the chain.

    A zero-conf channel has none until the funding is confirmed: its ``chan_id`` is an alias
    for good.
    """
    number = message.zero_conf_confirmed_scid if message.zero_conf else message.chan_id
    if not number:
        return None
    return f"{number >> 40}x{number >> 16 & 0xFFFFFF}x{number & 0xFFFF}"


def _alias(name: bytes) -> str | None:
    """Return the alias of a peer, which may be any text; None if lnd does not know it."""
    alias = name.decode("utf-8", "replace")
    is_excuse = alias.startswith(_NO_ALIAS) and len(name) > _ALIAS_BYTES
    return None if is_excuse else alias or None


def _listed_peer(message: Any) -> ListedPeer:
    address = _text(message.address)
    return ListedPeer(
        _vertex(message.pub_key), transport_of(address, message.inbound) if address else None
    )


def _point_and_peer(message: Any) -> tuple[OutPoint, Vertex]:
    return OutPoint.parse(_text(message.channel_point)), _vertex(message.remote_pubkey)


def _channel_point(message: Any) -> OutPoint:
    txid = message.funding_txid_bytes[::-1].hex() or _text(message.funding_txid_str)
    return OutPoint.parse(f"{txid}:{message.output_index}")


def _vertex(key: bytes) -> Vertex:
    return Vertex.parse(_text(key))


def _text(value: bytes) -> str:
    return value.decode("ascii", "backslashreplace")
