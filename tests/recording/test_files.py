"""Recordings from files, plain or compressed, whole or damaged."""

from __future__ import annotations

import gzip
import io
from contextlib import suppress

import pytest

from chanfitness import RecordingError
from chanfitness.recording.files import lines_of
from chanfitness.recording.format import MAX_LINE_BYTES

TEXT = b"".join(b"line %d\n" % number for number in range(1000)) + b"without an end"
COMPRESSED = gzip.compress(TEXT, mtime=0)


class Trickle(io.BytesIO, io.RawIOBase):
    """A pipe that yields a byte at a time."""

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        return super().readinto(memoryview(buffer)[:1])


def read(data: bytes, chunk: int = 2**20) -> list[bytes]:
    return list(lines_of(Trickle(data), "r.jsonl", chunk))


@pytest.mark.parametrize("data", [TEXT, COMPRESSED], ids=["plain", "compressed"])
def test_a_file_has_its_lines(data: bytes) -> None:
    assert read(data) == TEXT.splitlines(keepends=True)


def test_files_that_were_compressed_one_by_one_may_be_joined() -> None:
    assert b"".join(read(COMPRESSED + COMPRESSED)) == TEXT + TEXT


@pytest.mark.parametrize("data", [b"", gzip.compress(b"")], ids=["plain", "compressed"])
def test_an_empty_file_has_none(data: bytes) -> None:
    assert read(data) == []


def test_a_line_is_not_read_further_than_one_may_be_long() -> None:
    data = gzip.compress(b" " * (MAX_LINE_BYTES + 1000))
    assert len(next(lines_of(Trickle(data), "r.jsonl"))) == MAX_LINE_BYTES + 1


def test_wherever_a_compressed_file_is_cut_off_its_line_is_named() -> None:
    for size in range(1, len(COMPRESSED)):
        with pytest.raises(RecordingError, match=r"^r\.jsonl:\d+: cannot be decompressed: "):
            read(COMPRESSED[:size])


def test_wherever_a_compressed_file_is_damaged_that_is_seen_or_does_not_matter() -> None:
    for place in range(1, len(COMPRESSED)):
        damaged = bytearray(COMPRESSED)
        damaged[place] ^= 0xFF
        with suppress(RecordingError):
            assert read(bytes(damaged)) == TEXT.splitlines(keepends=True)
