"""Alert messages: their kinds and JSON encoding."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from typing_extensions import Self

from ..checks import quoted
from ..recording.format import format_time, parse_time

PEER_DOWN, PEER_BACK, PEER_FLAPPING = "peer_down", "peer_back", "peer_flapping"
CHANNEL_UNUSABLE, CHANNEL_CLOSED = "channel_unusable", "channel_closed"
BLIND, OWN_OUTAGE, TRANSPORT_OUTAGE = "blind", "own_outage", "transport_outage"
UNSAVED = "unsaved"
MORE = "more"

KINDS = (
    PEER_DOWN,
    PEER_BACK,
    PEER_FLAPPING,
    CHANNEL_UNUSABLE,
    CHANNEL_CLOSED,
    BLIND,
    OWN_OUTAGE,
    TRANSPORT_OUTAGE,
    UNSAVED,
)
"""The kinds that can be left out, together with the messages of their ends."""

WITH_END = (PEER_FLAPPING, CHANNEL_UNUSABLE, BLIND, OWN_OUTAGE, TRANSPORT_OUTAGE, UNSAVED)
"""The kinds whose end is a message too, of the kind with the suffix ``_end``."""

_END = "_end"


def checked_kinds(kinds: Iterable[str]) -> frozenset[str]:
    """Return kinds as a set; raise ``ValueError`` if one is unknown."""
    names = frozenset(kinds)
    for name in sorted(names - set(KINDS), key=str):
        raise ValueError(f"bad kind {quoted(name)}: expected one of {', '.join(KINDS)}")
    return names


def end_of(kind: str) -> str:
    """Return the kind of the message about the end of a ``kind``."""
    return kind + _END


def begun_by(kind: str) -> str:
    """Return the kind that an end belongs to; other kinds are returned unchanged."""
    return kind.removesuffix(_END)


class Message(NamedTuple):
    """A message to a person. Immutable.

    Attributes:
        kind: One of :data:`KINDS`, an end of one (``blind_end``), or ``more``, which counts
            omitted messages.
        at: When the message was decided (UTC).
        peer: The peer's public key in hexadecimal, or None.
        alias: The peer's alias, escaped, or None.
        channels: The channel points concerned.
        since: When the reported condition began (UTC), or None.
        text: One line for a person, escaped.
    """

    kind: str
    at: datetime.datetime
    peer: str | None
    alias: str | None
    channels: tuple[str, ...]
    since: datetime.datetime | None
    text: str

    def fields(self) -> dict[str, Any]:
        """Return the message as a JSON object.

        Returns:
            The attributes by name; dates as text with ``Z``.
        """
        since = None if self.since is None else format_time(self.since)
        return {
            **self._asdict(),
            "at": format_time(self.at),
            "channels": list(self.channels),
            "since": since,
        }

    def line(self) -> str:
        """Return the JSON object as a line.

        Returns:
            ASCII text with its newline.
        """
        return json.dumps(self.fields()) + "\n"

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Parse the result of :meth:`fields`; raise ``ValueError`` for any other object."""
        try:
            since, channels = fields["since"], fields["channels"]
            message = cls(
                fields["kind"],
                parse_time(fields["at"]),
                fields["peer"],
                fields["alias"],
                tuple(channels),
                None if since is None else parse_time(since),
                fields["text"],
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"bad message: {quoted(fields)}") from error
        texts = [message.kind, message.text, *message.channels]
        texts += [each for each in (message.peer, message.alias) if each is not None]
        if not all(isinstance(each, str) for each in texts):
            raise ValueError(f"bad message: {quoted(fields)}")
        return message
