"""lnd's messages, decoded: what chanfitness knows of them is in ``lnd.proto``.

The messages are made at import, from that file, in a descriptor pool of their
own: nothing clashes with lnd's full messages in the same process, no code is
generated, and any protobuf from 4.25 on will do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib import resources
from typing import Any, NamedTuple, TypeVar

from ...checks import extra
from ...events import (
    ClosedChannelEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from ...logs import Log
from ...wire import OutPoint, Vertex
from ..skipped_entries import SkippedEntries

with extra("lnd"):
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

logger = Log("chanfitness.nodes.lnd")

T = TypeVar("T")

Event = OpenChannelEvent | ClosedChannelEvent | PeerOnlineEvent | PeerOfflineEvent


class Activity(NamedTuple):
    """A channel can be used, or cannot any more: its peer went, or its close has begun."""

    channel_point: OutPoint
    is_active: bool


_COMMENT = re.compile(r"//.*")
_PACKAGE = re.compile(r"package ([\w.]+);")
_MESSAGE = re.compile(r"message (\w+) \{([^}]*)\}")
_FIELD = re.compile(r"(repeated )?(\w+) (\w+) = (\d+);")

_ONLINE, _OFFLINE = 0, 1


def describe(text: str) -> descriptor_pb2.FileDescriptorProto:
    """The file descriptor of a ``.proto`` file that has but messages with plain fields."""
    text = _COMMENT.sub("", text)
    (package,) = _PACKAGE.findall(text)
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto", package=package, syntax="proto3"
    )
    kind = descriptor_pb2.FieldDescriptorProto
    types = {
        "bytes": kind.TYPE_BYTES,
        "int32": kind.TYPE_INT32,
        "uint32": kind.TYPE_UINT32,
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
"""Message classes by their names."""


def channel_event(raw: bytes) -> Event | Activity | None:
    """What a message of ``SubscribeChannelEvents`` tells, or None: nothing for us.

    Raises ``ValueError`` for a bad key or channel point, ``DecodeError`` for
    what is no such message.
    """
    update = MESSAGES["ChannelEventUpdate"].FromString(raw)
    if update.HasField("open_channel"):
        return OpenChannelEvent(*_channel(update.open_channel))
    if update.HasField("closed_channel"):
        return ClosedChannelEvent(*_channel(update.closed_channel))
    for name, is_active in (("active_channel", True), ("inactive_channel", False)):
        if update.HasField(name):
            return Activity(_channel_point(getattr(update, name)), is_active)
    return None


def peer_event(raw: bytes) -> Event | None:
    """What a message of ``SubscribePeerEvents`` tells; else as :func:`channel_event`."""
    event = MESSAGES["PeerEvent"].FromString(raw)
    if event.type == _ONLINE:
        return PeerOnlineEvent(_peer(event))
    if event.type == _OFFLINE:
        return PeerOfflineEvent(_peer(event))
    return None


def open_channels(raw: bytes) -> list[OpenChannel]:
    """The answer to ``ListChannels``; one that cannot be used is logged and left out.

    Raises ``DecodeError`` for what is no such message.
    """
    return _usable(_channel, MESSAGES["ListChannelsResponse"].FromString(raw).channels)


def online_peers(raw: bytes) -> list[Vertex]:
    """The answer to ``ListPeers``; else as :func:`open_channels`."""
    return _usable(_peer, MESSAGES["ListPeersResponse"].FromString(raw).peers)


def _usable(decode: Callable[[Any], T], messages: Iterable[Any]) -> list[T]:
    values = []
    with SkippedEntries(logger) as skipped:
        for message in messages:
            try:
                values.append(decode(message))
            except ValueError as error:
                skipped.because("left out of lnd's answer: %s", error)
    return values


def _channel(message: Any) -> OpenChannel:
    return OpenChannel(OutPoint.parse(_text(message.channel_point)), _vertex(message.remote_pubkey))


def _channel_point(message: Any) -> OutPoint:
    txid = message.funding_txid_bytes[::-1].hex() or _text(message.funding_txid_str)
    return OutPoint.parse(f"{txid}:{message.output_index}")


def _peer(message: Any) -> Vertex:
    return _vertex(message.pub_key)


def _vertex(key: bytes) -> Vertex:
    return Vertex.parse(_text(key))


def _text(value: bytes) -> str:
    return value.decode("ascii", "backslashreplace")
