"""Fuzzing: damage of every kind, and checks for faults and unbounded memory.

Most kinds damage bytes; some are for lines of JSON alone.
"""

from __future__ import annotations

import json
import logging
import random
import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import strategies as st

from .values import ALICE, CHANNEL_1

MEMORY = 2**29  # bytes

ODD_JSON = [
    b"null",
    b"true",
    b"-0.0",
    b"1e999",
    b"NaN",
    b"9" * 10_000,
    b"[" * 100_000,
    b"[" * 900 + b"]" * 900,
    b'{"a":' * 100_000,
    b"{}",
    b"[null]",
    b"[[]]",
    b'""',
    b'"\\ud800"',
    b'"\\u0000"',
    b'"\xe2\x80\xae\xf0\x9f\x98\x80"',
    b'"\x1b[2J"',
    b'"' + b"x" * 1_000_000 + b'"',
    b"[" + b"1," * 100_000 + b"1]",
    b'"0001-01-01T00:00:00Z"',
    b'"0001-01-01T00:00:00+23:59"',
    b'"9999-12-31T23:59:59.999999Z"',
    b'"9999-12-31T23:59:59-23:59"',
    b'"2026-11-22T11:49:59.123Z"',
    '"٢٠٢٦-11-22T11:49:59Z"'.encode(),
    b'"2027-02-29T00:00:60Z"',
    f'"{ALICE}"'.encode(),
    f'"{str(ALICE).upper()}"'.encode(),
    f'"{CHANNEL_1}"'.encode(),
    f'"{CHANNEL_1.txid}:4294967296"'.encode(),
    *(b'"%s"' % each for each in (b"peer_online", b"channel_moved", b"monitoring_stopped")),
]
ODD_BYTES = [
    b"\n",
    b"\r",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b'"',
    b"{",
    b"\\",
]


Way = Callable[[bytes, float, float, bytes], bytes]

NOT_TO_BE_DONE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""Kinds that leave other content than JSON of the right shape as it is."""


class Damage(NamedTuple):
    """A damage: ``how``, the place ``where`` (0 to 1), perhaps ``there`` and an ``odd`` value."""

    how: Way
    where: float
    there: float
    odd: bytes

    def __repr__(self) -> str:
        return f"Damage({self.how}, {self.where}, {self.there}, {self.odd[:50]!r})"


def place(sequence: Sequence[object], where: float) -> int:
    return int(where * len(sequence))


def flip(data: bytes, where: float, there: float, _: bytes) -> bytes:
    flipped, at = bytearray(data), place(data, where)
    flipped[at : at + 1] = bytes([each ^ 1 << int(there * 8) for each in data[at : at + 1]])
    return bytes(flipped)


def cut_off(data: bytes, where: float, _: float, __: bytes) -> bytes:
    return data[: place(data, where)]


def cut_out(data: bytes, where: float, there: float, _: bytes) -> bytes:
    return data[: place(data, where)] + data[place(data, there) :]


def put_in(data: bytes, where: float, _: float, odd: bytes) -> bytes:
    return data[: place(data, where)] + odd + data[place(data, where) :]


def on_lines(
    how: Callable[[list[bytes], int, int], object],
    data: bytes,
    where: float,
    there: float,
    _: bytes,
) -> bytes:
    lines = data.splitlines(keepends=True)
    how(lines, place(lines, where), place(lines, there))
    return b"".join(lines)


def remove(lines: list[bytes], one: int, _: int) -> None:
    del lines[one : one + 1]


def repeat(lines: list[bytes], one: int, other: int) -> None:
    lines[other:other] = lines[one : one + 1]


def swap(lines: list[bytes], one: int, other: int) -> None:
    if lines:
        lines[one], lines[other] = lines[other], lines[one]


def on_fields(how: Callable[[Any, Any], object], lines: list[bytes], one: int, other: int) -> None:
    with suppress(*NOT_TO_BE_DONE):
        records = [json.loads(lines[each]) for each in (one, other)]
        how(*records)
        for each, record in zip((one, other), records, strict=True):
            lines[each] = json.dumps(record).encode() + b"\n"


def swap_events(one: Any, other: Any) -> None:
    """Swap two events, but not their times: the result is a recording of unlikely events."""
    for name in {*one, *other} - {"at"}:
        one[name], other[name] = other.get(name), one.get(name)


def take_field(one: Any, other: Any) -> None:
    for name in ("peer", "channel_point", "event", "online_peers"):
        if name in other:
            one[name] = other[name]
            return


def set_field(data: bytes, where: float, there: float, odd: bytes) -> bytes:
    """Set a field of a line, or an item of a list in it, to an odd value."""
    lines = data.splitlines(keepends=True)
    one = place(lines, where)
    with suppress(*NOT_TO_BE_DONE):
        record = json.loads(lines[one])
        holders = list(within(record))
        holder, key = holders[place(holders, there)]
        holder[key] = "odd"
        lines[one] = json.dumps(record).encode().replace(b'"odd"', odd) + b"\n"
    return b"".join(lines)


def within(value: Any) -> Iterator[tuple[Any, Any]]:
    """Return each place in a JSON value that can be set."""
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from within(value[key])


OF_BYTES: list[Way] = [flip, cut_off, cut_out, put_in]
WAYS = [*OF_BYTES, *[set_field] * 4]
WAYS += [partial(on_lines, each) for each in (remove, remove, repeat, swap)]
WAYS += [partial(on_lines, partial(on_fields, each)) for each in [swap_events, take_field] * 4]
PLACES = st.floats(0, 1, exclude_max=True)
ODD = st.one_of(st.sampled_from(ODD_JSON), st.sampled_from(ODD_BYTES), st.binary(max_size=20))
DAMAGES = st.lists(
    st.builds(Damage, st.sampled_from(WAYS), PLACES, PLACES, ODD), min_size=1, max_size=4
)


def random_damages(rng: random.Random, maximum: int, ways: Sequence[Way] = WAYS) -> list[Damage]:
    """Return so many damages, for tests that need more than hypothesis makes."""
    return [
        Damage(rng.choice(ways), rng.random(), rng.random(), rng.choice(ODD_JSON + ODD_BYTES))
        for _ in range(rng.randrange(maximum + 1))
    ]


def damaged(data: bytes, all_of_it: list[Damage]) -> bytes:
    """Apply all damages in order."""
    for how, where, there, odd in all_of_it:
        data = how(data, where, there, odd)
    return data


# Tests


EXPECTED = ("is open already", "ignored an unusable message of lightningd")


class Complaints(logging.Handler):
    """Errors in the log that were not about the fuzzed input."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def handle(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if record.levelno >= logging.ERROR and not any(each in said for each in EXPECTED):
            self.heard.append(said)
        return True


@contextmanager
def no_complaints() -> Iterator[None]:
    """Collect errors, in place of pytest's log, which would keep all records."""
    logger = logging.getLogger("chanfitness")
    complaints = Complaints()
    logger.addHandler(complaints)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = True
        logger.removeHandler(complaints)
    assert not complaints.heard, complaints.heard[:3]


@pytest.fixture(autouse=True)
def bounded_memory() -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY
