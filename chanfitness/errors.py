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
