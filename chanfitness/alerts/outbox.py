"""The outbox: messages that were decided, until each receiver has got them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from typing_extensions import Self

from ..checks import quoted
from .messages import BLIND, OWN_OUTAGE, Message, begun_by

_OF_THE_LINE = (BLIND, OWN_OUTAGE)
_PERHAPS = " (perhaps told before)"


class Entry(NamedTuple):
    """A message, and the names of the receivers that have not got it.

    ``uncertain``: one of them may have got it. ``is_out``: it was handed to the senders.
    """

    message: Message
    owed: frozenset[str]
    uncertain: bool = False
    is_out: bool = False


class Outbox:
    """What is to be delivered, by number, in order. For one thread."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, messages: Iterable[Message], names: Collection[str]) -> list[int]:
        """Messages for these receivers. Returns the numbers of those that need not be told.

        That this node's line was lost is not told after it is back: it could not be delivered
        meanwhile, most likely, and its end says it.
        """
        overtaken = []
        for message in messages:
            begun = begun_by(message.kind)
            if begun != message.kind and begun in _OF_THE_LINE:
                overtaken += self._undelivered(begun, message, names)
            self._entries[self._next] = Entry(message, frozenset(names))
            self._next += 1
        return overtaken

    def _undelivered(self, kind: str, end: Message, names: Collection[str]) -> list[int]:
        return [
            number
            for number, entry in self._entries.items()
            if entry.message.kind == kind
            and entry.message.since == end.since
            and entry.owed == frozenset(names)
        ]

    def hand_over(self, until: int) -> list[tuple[int, Entry]]:
        """The messages before number ``until`` that were not handed over yet; now they are."""
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
        """The number that the next message gets."""
        return self._next

    def done(self, number: int, name: str) -> None:
        """A receiver has got a message, or is not to get it any more."""
        entry = self._entries[number]
        owed = entry.owed - {name}
        if owed:
            self._entries[number] = entry._replace(owed=owed)
        else:
            del self._entries[number]

    def doubt(self, number: int) -> None:
        """It is not known whether this was delivered."""
        if number in self._entries:
            self._entries[number] = self._entries[number]._replace(uncertain=True)

    def fields(self) -> list[dict[str, Any]]:
        """A JSON list of it."""
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
        """The outbox of such a list, for the receivers there are now. ``ValueError`` for others.

        ``is_certain``: what was delivered is not in it. Else each message says that it may
        have been.
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
            raise ValueError(f"no alerts: {quoted(fields)}") from error
        return outbox
