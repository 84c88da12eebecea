"""Argument checks, checks for optional dependencies, and quoting of untrusted text."""

from __future__ import annotations

import datetime
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from .errors import ChanFitnessError

QUOTED_CHARACTERS = 80

_RIGHT_TO_LEFT = ("R", "AL", "AN")  # Unicode's bidirectional classes


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Guard imports of an optional dependency: if it is missing, say how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error.name} is not installed: pip install 'chanfitness[{name}]'", name=error.name
        ) from None


def quoted(value: object) -> str:
    """Return ``value`` for an error message: escaped, at most 80 characters.

    Never raises: a value without a usable ``repr()`` is named by its type.
    """
    if isinstance(value, (str, bytes)):
        value = value[:QUOTED_CHARACTERS]
    try:
        text = ascii(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= QUOTED_CHARACTERS else text[: QUOTED_CHARACTERS - 3] + "..."


def printable(text: str) -> str:
    """Return ``text`` on one line, with unprintable characters escaped.

    Right-to-left characters are escaped too, since they reorder the text beside them. The
    isolating characters (U+2068, U+2069) do not work in every terminal.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if _is_printed_in_place(each) else ascii(each)[1:-1] for each in text)


def _is_printed_in_place(character: str) -> bool:
    return character.isprintable() and unicodedata.bidirectional(character) not in _RIGHT_TO_LEFT


def require(value: object, kind: type) -> None:
    """Raise a ``TypeError`` that shows ``value`` unless it is of type ``kind``."""
    if not isinstance(value, kind):
        is_parsed = isinstance(value, str) and hasattr(kind, "parse")
        how = f": for text, {kind.__name__}.parse()" if is_parsed else ""
        raise TypeError(f"expected {kind.__name__}, got {quoted(value)}{how}")


def require_each(values: Iterable[object], kind: type) -> None:
    """Raise a ``TypeError`` unless each of ``values`` is of type ``kind``."""
    for value in values:
        if type(value) is not kind:
            require(value, kind)


def refuse_green_threads() -> None:
    """Raise a ``ChanFitnessError`` if gevent or eventlet has replaced threads or queues.

    A green thread that waits for the loop would keep the loop from running.
    """
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    replaced_by_gevent = gevent is not None and any(
        gevent.is_module_patched(name) for name in ("threading", "queue")
    )
    if replaced_by_gevent or (eventlet is not None and eventlet.is_monkey_patched("thread")):
        name = "gevent" if replaced_by_gevent else "eventlet"
        raise ChanFitnessError(
            f"{name} has replaced threads and queues (its monkey patching), and a store needs"
            " real ones: patch with thread=False and queue=False, or run it in a process of its own"
        )


def require_callable(name: str, function: object, such_as: str) -> None:
    """Raise a ``TypeError`` with an example unless ``function`` can be called."""
    if not callable(function):
        raise TypeError(f"bad {name} {quoted(function)}: expected a function, such as {such_as}")


def require_aware(time: object, what: str = "a time") -> None:
    """Raise ``TypeError`` unless ``time`` is a datetime, ``ValueError`` if it is naive."""
    if isinstance(time, datetime.datetime) and time.utcoffset() is not None:
        return
    expected = f"{what} must be an aware datetime, such as datetime.now(timezone.utc)"
    if not isinstance(time, datetime.datetime):
        raise TypeError(f"no time: {quoted(time)}: {expected}")
    raise ValueError(f"naive time {quoted(time)}: {expected}")


def require_timedelta(name: str, period: object, unit: str) -> None:
    """Raise a ``TypeError`` with an example in ``unit`` unless ``period`` is a timedelta."""
    if not isinstance(period, datetime.timedelta):
        number = period if type(period) in (int, float) else 1
        raise TypeError(
            f"bad {name} {quoted(period)}: expected a timedelta, such as timedelta({unit}={number})"
        )


def require_period(name: str, period: datetime.timedelta | None, unit: str) -> None:
    """Raise ``TypeError`` or ``ValueError`` unless ``period`` is a timedelta >= 0, or None."""
    if period is not None:
        require_timedelta(name, period, unit)
        if period < datetime.timedelta(0):
            raise ValueError(f"bad {name} {period!r}: expected a period of time, or None")
