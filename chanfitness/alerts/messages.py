"""Alert messages: the kinds, and the JSON object of each."""

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
"""The kinds that can be switched off. One with an end takes that with it."""

WITH_END = (PEER_FLAPPING, CHANNEL_UNUSABLE, BLIND, OWN_OUTAGE, TRANSPORT_OUTAGE, UNSAVED)
"""The kinds whose end is a message, too: of the kind with ``_end``."""

_END = "_end"


def checked_kinds(kinds: Iterable[str]) -> frozenset[str]:
    """Kinds that can be switched off; ``ValueError`` that names it for another one."""
    names = frozenset(kinds)
    for name in sorted(names - set(KINDS), key=str):
        raise ValueError(f"bad kind {quoted(name)}: expected one of {', '.join(KINDS)}")
    return names


def end_of(kind: str) -> str:
    """The kind of the message that ends one of ``kind``."""
    return kind + _END


def begun_by(kind: str) -> str:
    """The kind that an end belongs to; any other kind is its own."""
    return kind.removesuffix(_END)


class Message(NamedTuple):
    """Something that a person is told.

    ``kind``: one of :data:`KINDS`, an end of one (``blind_end``), or ``more``, which counts
    those that were left out. ``at``: when it was found (UTC). ``peer``: a public key in
    hexadecimal, or None. ``alias``: the peer's, escaped, or None. ``channels``: the channel
    points that it is about. ``since``: when what it tells of began (UTC), or None. ``text``:
    for a person, one line, escaped.
    """

    kind: str
    at: datetime.datetime
    peer: str | None
    alias: str | None
    channels: tuple[str, ...]
    since: datetime.datetime | None
    text: str

    def fields(self) -> dict[str, Any]:
        """The JSON object of it."""
        since = None if self.since is None else format_time(self.since)
        return {
            **self._asdict(),
            "at": format_time(self.at),
            "channels": list(self.channels),
            "since": since,
        }

    def line(self) -> str:
        """The JSON object on one line, in ASCII, with its end of line."""
        return json.dumps(self.fields()) + "\n"

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any]) -> Self:
        """The message of such an object. Raises ``ValueError`` for anything else."""
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
            raise ValueError(f"no message: {quoted(fields)}") from error
        texts = [message.kind, message.text, *message.channels]
        texts += [each for each in (message.peer, message.alias) if each is not None]
        if not all(isinstance(each, str) for each in texts):
            raise ValueError(f"no message: {quoted(fields)}")
        return message
