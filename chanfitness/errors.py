"""Exceptions of chanfitness, with one root::

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

A malformed value (a bad key, a naive time) raises a plain ``ValueError``, an argument of
the wrong type a ``TypeError``.
"""

from __future__ import annotations


class ChanFitnessError(Exception):
    """The base class of all errors of chanfitness."""


class ChannelNotFoundError(ChanFitnessError, LookupError):
    """The peer is known, but has no open channel with this channel point."""


class PeerNotFoundError(ChanFitnessError, LookupError):
    """The peer is unknown: it has no open channel and is not online."""


class NotStartedError(ChanFitnessError):
    """The store was asked before :meth:`~chanfitness.ChannelEventStore.start` returned."""


class AlreadyStartedError(ChanFitnessError):
    """:meth:`~chanfitness.ChannelEventStore.start` was called on a starting or running store."""


class ShuttingDownError(ChanFitnessError):
    """The store, or the server of a subscription, has stopped or is stopping.

    If an error ended the store's loop, the message names the error.
    """


class RequestTimeoutError(ChanFitnessError, TimeoutError):
    """No answer came within the caller's timeout."""


class HistoryDisabledError(ChanFitnessError):
    """The store keeps no history: see ``Config(history=...)``."""


class StorageError(ChanFitnessError):
    """A database cannot be used; its content is unchanged."""


class StorageInUseError(StorageError):
    """Another store writes this database."""


class StorageCorruptError(StorageError):
    """The file is damaged, or is no database of chanfitness."""


class StorageVersionError(StorageError):
    """The database was written by a newer version of chanfitness."""


class StorageUnwritableError(StorageError):
    """The file or its directory cannot be written, or the disk is full."""


class RecordingError(ChanFitnessError, ValueError):
    """A recording has a line that cannot be used.

    Args:
        file: The recording's name.
        line: The line's number, from 1.
        reason: What was found, and what was expected.
    """

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(file, line, reason)
        self.file = file
        self.line = line
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class NodeError(ChanFitnessError):
    """A node refuses the connection for a reason that will not pass by itself."""
