"""Outbox: messages until their delivery to all receivers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from typing_extensions import Self

from ..checks import quoted
from .messages import BLIND, OWN_OUTAGE, Message, begun_by

_OF_THE_LINE = (BLIND, OWN_OUTAGE)
_PERHAPS = " (perhaps told before)"


class Entry(NamedTuple):
    """A message in the outbox.

    Attributes:
        message: The message.
        owed: Names of the receivers that have not received it.
        uncertain: Whether one of these may have received it.
        is_out: Whether it was passed to the senders.
    """

    message: Message
    owed: frozenset[str]
    uncertain: bool = False
    is_out: bool = False


class Outbox:
    """Undelivered messages by number, in order. Not thread-safe."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, messages: Iterable[Message], names: Collection[str]) -> list[int]:
        """Add messages for these receivers, and return the numbers of obsolete ones.

        A message that this node's network is down probably could not be delivered while it was.
        Once the end is reported, the message about the beginning is obsolete.
        """
        obsolete = []
        for message in messages:
            begun = begun_by(message.kind)
            if begun != message.kind and begun in _OF_THE_LINE:
                obsolete += self._undelivered(begun, message, names)
            self._entries[self._next] = Entry(message, frozenset(names))
            self._next += 1
        return obsolete

    def _undelivered(self, kind: str, end: Message, names: Collection[str]) -> list[int]:
        return [
            number
            for number, entry in self._entries.items()
            if entry.message.kind == kind
            and entry.message.since == end.since
            and entry.owed == frozenset(names)
        ]

    def hand_over(self, until: int) -> list[tuple[int, Entry]]:
        """Return the messages before number ``until`` not returned yet, and mark them as out."""
        handed = [
            (number, entry)
            for number, entry in self._entries.items()
            if number < until and not entry.is_out
        ]
        for number, entry in handed:
            self._entries[number] = entry._replace(is_out=True)
        return handed

    @property
    def end(self) -> int:
        """The number of the next message."""
        return self._next

    def done(self, number: int, name: str) -> None:
        """Note that a receiver has received a message, or will not."""
        entry = self._entries[number]
        owed = entry.owed - {name}
        if owed:
            self._entries[number] = entry._replace(owed=owed)
        else:
            del self._entries[number]

    def doubt(self, number: int) -> None:
        """Mark the delivery of a message as uncertain."""
        if number in self._entries:
            self._entries[number] = self._entries[number]._replace(uncertain=True)

    def fields(self) -> list[dict[str, Any]]:
        """Return the outbox as a JSON list."""
        return [
            {
                "message": entry.message.fields(),
                "owed": sorted(entry.owed),
                "uncertain": entry.uncertain,
            }
            for entry in self._entries.values()
        ]

    @classmethod
    def of_fields(
        cls, fields: Sequence[Mapping[str, Any]], names: Collection[str], *, is_certain: bool
    ) -> Self:
        """Parse the result of :meth:`fields`, keeping messages for the receivers ``names``.

        Raises ``ValueError`` for any other list. Unless ``is_certain``, delivered messages may be
        in the list, and each text says so.
        """
        outbox = cls()
        try:
            for each in fields:
                message, owed = Message.of_fields(each["message"]), frozenset(each["owed"])
                if (each["uncertain"] or not is_certain) and _PERHAPS not in message.text:
                    message = message._replace(text=message.text + _PERHAPS)
                owed &= frozenset(names)
                if owed:
                    outbox._entries[outbox._next] = Entry(message, owed)
                    outbox._next += 1
        except (KeyError, TypeError) as error:
            raise ValueError(f"bad outbox of alerts: {quoted(fields)}") from error
        return outbox
