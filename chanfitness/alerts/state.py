"""The state of the rules between two snapshots: values that JSON can hold.

Periods are whole microseconds, dates are microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar, get_args, get_type_hints

from typing_extensions import Self

from ..checks import quoted

_NUMBERS = range(-(2**62), 2**62)


class Known(NamedTuple):
    """An open channel, as it was seen last.

    ``offline``: the part of its lifetime in which its peer was offline, when that was online
    last. ``uptime``: since then, while the peer is offline; None while it is online.
    ``unusable``: its unusable time when it was last usable.
    """

    peer: str
    alias: str | None
    short_channel_id: str | None
    capacity: int | None
    offline: int
    uptime: int | None
    unusable: int


class Open(NamedTuple):
    """Something that lasts, ``since`` a date. ``told``: whether a message of its own told it."""

    since: int
    told: bool


class Flap(NamedTuple):
    """So many changes of a peer's state, found ``at`` a date."""

    at: int
    changes: int


class State(NamedTuple):
    """What was found until now.

    ``channels``: by channel point. ``open``: what lasts, by kind and by what it is about.
    ``flap_counts``, ``flaps``: by peer. ``sent``: the dates of messages of the last hour.
    ``left_out``: how many messages of each kind were not told since the last that counted
    them, which was at ``counted_at``; ``left_out_at``: when the last of them was.
    ``blind``: all blind time until the present one; it is not kept.
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
        """A JSON object of all that is kept."""
        fields = self._asdict()
        del fields["blind"]
        return fields

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any]) -> Self:
        """The state of such an object. Raises ``ValueError`` for anything else."""
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
            raise ValueError(f"no state of alerts: {quoted(fields)}") from error
        return state


_Row = TypeVar("_Row", Known, Open, Flap)


def _row(kind: type[_Row], cells: list[Any]) -> _Row:
    row = kind(*cells)  # TypeError if that are not as many
    for cell, hint in zip(row, get_type_hints(kind).values(), strict=True):
        if type(cell) not in (get_args(hint) or (hint,)):
            raise ValueError(f"no {kind.__name__}: {quoted(cells)}")
        if type(cell) is int:
            _number(cell)
    return row


def _counts(counts: Mapping[str, Any]) -> dict[str, int]:
    return {name: _number(count) for name, count in counts.items()}


def _number(value: Any) -> int:
    if type(value) is not int or value not in _NUMBERS:
        raise ValueError(f"no number: {quoted(value)}")
    return value
