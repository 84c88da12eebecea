"""The errors that chanfitness raises, all below one root::

    ChanFitnessError
     +-- ChannelNotFoundError   (also LookupError)
     +-- PeerNotFoundError      (also LookupError)
     +-- NotStartedError
     +-- AlreadyStartedError
     +-- ShuttingDownError
     +-- RequestTimeoutError    (also TimeoutError)
     +-- HistoryDisabledError
     +-- StorageError
          +-- StorageInUseError
          +-- StorageCorruptError
          +-- StorageVersionError
          +-- StorageUnwritableError
     +-- RecordingError         (also ValueError)
     +-- NodeError

A value that is malformed in itself (a bad key, a naive time) is a plain
``ValueError``, an argument of the wrong type a ``TypeError``, as anywhere in
Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

QUOTED_CHARACTERS = 80


class ChanFitnessError(Exception):
    """The root of all errors that are chanfitness' own."""


class ChannelNotFoundError(ChanFitnessError, LookupError):
    """The peer is known, but no such channel with it is open."""


class PeerNotFoundError(ChanFitnessError, LookupError):
    """The peer is unknown: it has no open channel and is not online."""


class NotStartedError(ChanFitnessError):
    """The store was asked before its :meth:`~chanfitness.ChannelEventStore.start` had returned."""


class AlreadyStartedError(ChanFitnessError):
    """:meth:`~chanfitness.ChannelEventStore.start` was called while it was starting or running."""


class ShuttingDownError(ChanFitnessError):
    """The store, or the server of a subscription, has stopped or is stopping.

    If the store's loop died of a fault, the message names the fault.
    """


class RequestTimeoutError(ChanFitnessError, TimeoutError):
    """No answer came within the timeout that the caller gave."""


class HistoryDisabledError(ChanFitnessError):
    """``get_history`` was asked of a store that keeps none: see ``Config(history=...)``."""


class StorageError(ChanFitnessError):
    """A database cannot be used; what is in it was left as it was."""


class StorageInUseError(StorageError):
    """Another store is writing this database."""


class StorageCorruptError(StorageError):
    """The file is damaged, or is no database of chanfitness."""


class StorageVersionError(StorageError):
    """The database was written by a newer version of chanfitness."""


class StorageUnwritableError(StorageError):
    """The file or its directory cannot be written, or the disk is full."""


class RecordingError(ChanFitnessError, ValueError):
    """A recording has a line that cannot be used.

    ``file`` (str) and ``line`` (int, counted from 1) say where, ``reason``
    (str) says what was found and what was expected there.
    """

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(file, line, reason)
        self.file = file
        self.line = line
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class NodeError(ChanFitnessError):
    """A node refuses us for a reason that does not pass by itself."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import what an extra brings; if it is missing, say how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error.name} is not installed: pip install 'chanfitness[{name}]'", name=error.name
        ) from None


def quoted(value: object) -> str:
    """``value`` as an error message shows it: escaped, 80 characters at most.

    Never raises: what cannot be shown is named by its type.
    """
    if isinstance(value, (str, bytes)):
        value = value[:QUOTED_CHARACTERS]
    try:
        text = ascii(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= QUOTED_CHARACTERS else text[: QUOTED_CHARACTERS - 3] + "..."


def printable(text: str) -> str:
    """``text`` on one line, with all that a terminal would not print as it is escaped."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def require(value: object, kind: type) -> None:
    """Raise a ``TypeError`` that shows ``value`` unless it is a ``kind``."""
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}, got {quoted(value)}")
