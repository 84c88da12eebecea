"""File locks that keep other stores away from a database, by whatever name they open it.

A store locks two files: the database, and ``PATH-lock`` beside it. Each lock is an *open
file description lock* on one byte. The system keeps it with the inode and ends it with the
process, so no symbolic link, hard link or mount gets around it. ``flock`` would not do: some
file systems let it collide with SQLite's own locks, and it cannot be tested without being
taken. ``PATH-lock`` also holds an open SQLite transaction, the lock of earlier versions.

SQLite's locks belong to the process: it loses all of a file's locks when it closes any
descriptor of that file. Hence three rules. A lock's descriptor is closed after SQLite's
connection; a file that this process has locked is not opened again; and one mutex separates
this process's readers from changes of its locks.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..errors import StorageInUseError
from .connection import connect, typed_errors

# A system without these locks refuses -1 as an unknown command.
_SET_LOCK: int = getattr(fcntl, "F_OFD_SETLK", -1)
_GET_LOCK: int = getattr(fcntl, "F_OFD_GETLK", -1)
_FLOCK = "hhqqi"  # struct flock: type, whence, start, length, pid
_BYTE = 2**40  # far beyond the bytes that SQLite locks, and beyond the end of any database

_access = threading.RLock()  # guards _held; held while a reader of this process reads
_held: dict[str, int] = {}  # descriptors of the files that this process has locked


class FileLock:
    """The lock of the database at ``place``; ``path`` is its name in errors. Taken once.

    ``file`` has its symbolic links resolved. Safe from any thread. The caller closes its
    connections to the database before it calls :meth:`release`.
    """

    def __init__(self, path: str, place: str) -> None:
        self._path = path
        self._place = place
        self.file = os.path.realpath(place)
        self._files: list[str] = []  # to release
        self._made: set[str] = set()  # files that take() created
        self._transaction: sqlite3.Connection | None = None
        self._had_name = False  # some file systems count no names

    def take(self) -> None:
        """Lock the database; a missing one is created, readable by its owner alone.

        Raise ``StorageInUseError`` if another store has it, ``OSError`` or
        ``StorageError`` for a file that cannot be opened; then call :meth:`release`.
        """
        with _access:
            self._lock(self.file + "-lock")
            self._lock(self.file)
            self._begin_transaction()
            self._had_name = os.fstat(_held[self.file]).st_nlink > 0

    def release(self, *, discard: bool = False) -> None:
        """Unlock; with ``discard``, remove the files that :meth:`take` made."""
        with _access:
            for file in self._made if discard else ():
                if file in _held and _leads_to(file, _held[file]):
                    with suppress(OSError):
                        os.unlink(file)
            if self._transaction is not None:
                self._transaction.close()
            for file in self._files:
                descriptor = _held.pop(file, None)
                if descriptor is not None:
                    _unlock(descriptor)
            self._files.clear()

    def is_current(self) -> bool:
        """Return whether the place still leads to the locked database."""
        descriptor = _held[self.file]
        has_name = os.fstat(descriptor).st_nlink > 0  # a mounted file may have lost its last name
        return has_name == self._had_name and _leads_to(os.path.realpath(self._place), descriptor)

    def is_whole(self) -> bool:
        """Return whether ``PATH-lock`` is still in place, too."""
        file = self.file + "-lock"
        return _leads_to(file, _held[file])

    def read(self, size: int) -> bytes:
        """Return the first ``size`` bytes of the database on the disk."""
        return os.pread(_held[self.file], size, 0)

    def size(self) -> int:
        """Return the size of the database in bytes, without its log."""
        return os.fstat(_held[self.file]).st_size

    def _lock(self, file: str) -> None:
        if _is_held_here(file):
            raise self._in_use()
        self._files.append(file)
        try:
            self._made.add(file)
            _held[file] = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            self._made.discard(file)
            _held[file] = os.open(file, os.O_RDWR)
        try:
            fcntl.fcntl(_held[file], _SET_LOCK, _request(fcntl.F_WRLCK))
        except BlockingIOError as error:
            self._made.discard(file)  # another start locked the file first and owns it
            raise self._in_use() from error
        except OSError:
            pass  # no support for these locks: the transaction keeps others out
        if not _leads_to(file, _held[file]):  # another start failed and removed it
            raise self._in_use()

    def _begin_transaction(self) -> None:
        path = self._path + "-lock"  # so that its errors do not name the database
        with typed_errors(path):
            self._transaction = connect(path, self.file + "-lock", timeout=0)
            try:
                self._transaction.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if "locked" in str(error):
                    raise self._in_use() from error
                raise

    def _in_use(self) -> StorageInUseError:
        return StorageInUseError(f"{self._path}: another store is writing it")


@contextmanager
def reading(path: str, file: str) -> Iterator[None]:
    """Change no lock of this process while it reads the database ``file``.

    Raise ``StorageInUseError`` if a store writes the file by another name: its last writes
    are in a log with that other name.
    """
    with _access:
        if _is_locked(file) and not _is_locked(file + "-lock"):
            raise StorageInUseError(
                f"{path}: a store is writing this file by another name: read it by that name"
                " (or its lock file was removed: then try again in a minute)"
            )
        yield


def _is_held_here(file: str) -> bool:
    with suppress(OSError):
        here = os.stat(file)
        return file in _held or any(
            os.path.samestat(here, os.fstat(descriptor)) for descriptor in _held.values()
        )
    return file in _held


def _is_locked(file: str) -> bool:
    """Return whether a store of this process or another has locked the file."""
    if _is_held_here(file):
        return True
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    try:
        reply = fcntl.fcntl(descriptor, _GET_LOCK, _request(fcntl.F_WRLCK))
    except OSError:
        return False  # no support for these locks
    finally:
        os.close(descriptor)
    kind, *_ = struct.unpack(_FLOCK, reply)
    return bool(kind != fcntl.F_UNLCK)


def _request(kind: int) -> bytes:
    return struct.pack(_FLOCK, kind, os.SEEK_SET, _BYTE, 1, 0)


def _unlock(descriptor: int) -> None:
    """Unlock and close; a child that is being forked may share the lock, so unlock first."""
    with suppress(OSError):
        fcntl.fcntl(descriptor, _SET_LOCK, _request(fcntl.F_UNLCK))
    os.close(descriptor)


def _leads_to(file: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(file), os.fstat(descriptor))
    except OSError:
        return False


def _forget_in_a_child() -> None:
    """Close the inherited descriptors: a copy would keep the parent's lock."""
    global _access  # noqa: PLW0603
    _access = threading.RLock()  # another thread may have held it
    for descriptor in _held.values():
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_a_child)
