"""State of the rules between two snapshots, and its JSON encoding.

Periods are integer microseconds, dates integer microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar, get_args, get_type_hints

from typing_extensions import Self

from ..checks import quoted

_NUMBERS = range(-(2**62), 2**62)


class Known(NamedTuple):
    """An open channel, as it was last seen.

    Attributes:
        peer: The peer's key.
        alias: The peer's alias.
        short_channel_id: The short channel id.
        capacity: Capacity in satoshi.
        offline: Offline time of the channel when its peer was last online.
        uptime: Uptime of the channel while its peer is offline; None while it is online.
        unusable: Unusable time of the channel when it was last usable.
    """

    peer: str
    alias: str | None
    short_channel_id: str | None
    capacity: int | None
    offline: int
    uptime: int | None
    unusable: int


class Open(NamedTuple):
    """An open alert; ``told``: whether it had a message of its own."""

    since: int
    told: bool


class Flap(NamedTuple):
    """A number of changes of a peer's state, found ``at`` a date."""

    at: int
    changes: int


class State(NamedTuple):
    """The state of the rules.

    Attributes:
        channels: Open channels by channel point.
        open: Open alerts by kind and subject.
        flap_counts: Last flap count of each peer.
        flaps: Changes within the last hour, by peer.
        sent: Dates of the messages of the last hour.
        left_out: Number of messages of each kind omitted since ``counted_at``.
        left_out_at: Date of the last omitted message.
        counted_at: Date of the last message that counted omitted ones.
        blind: Total blind time before the present one; it is not saved.
    """

    channels: Mapping[str, Known] = {}
    open: Mapping[str, Open] = {}
    flap_counts: Mapping[str, int] = {}
    flaps: Mapping[str, tuple[Flap, ...]] = {}
    sent: tuple[int, ...] = ()
    left_out: Mapping[str, int] = {}
    left_out_at: int = 0
    counted_at: int | None = None
    blind: int | None = None

    def fields(self) -> dict[str, Any]:
        """Return the saved state as a JSON object."""
        fields = self._asdict()
        del fields["blind"]
        return fields

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Parse the result of :meth:`fields`; raise ``ValueError`` for any other object."""
        try:
            state = cls(
                {point: _row(Known, each) for point, each in fields["channels"].items()},
                {key: _row(Open, each) for key, each in fields["open"].items()},
                _counts(fields["flap_counts"]),
                {
                    peer: tuple(_row(Flap, each) for each in flaps)
                    for peer, flaps in fields["flaps"].items()
                },
                tuple(map(_number, fields["sent"])),
                _counts(fields["left_out"]),
                _number(fields["left_out_at"]),
                None if fields["counted_at"] is None else _number(fields["counted_at"]),
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"bad state of alerts: {quoted(fields)}") from error
        return state


_Row = TypeVar("_Row", Known, Open, Flap)


def _row(kind: type[_Row], cells: list[Any]) -> _Row:
    row = kind(*cells)  # raises TypeError for a wrong number of cells
    for cell, hint in zip(row, get_type_hints(kind).values(), strict=True):
        if type(cell) not in (get_args(hint) or (hint,)):
            raise ValueError(f"bad {kind.__name__}: {quoted(cells)}")
        if type(cell) is int:
            _number(cell)
    return row


def _counts(counts: Mapping[str, Any]) -> dict[str, int]:
    return {name: _number(count) for name, count in counts.items()}


def _number(value: Any) -> int:
    if type(value) is not int or value not in _NUMBERS:
        raise ValueError(f"bad number: {quoted(value)}")
    return value
