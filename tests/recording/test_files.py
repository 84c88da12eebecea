"""Reader of recording files: plain or compressed, whole or damaged."""

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
    """A pipe that yields one byte at a time."""

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        return super().readinto(memoryview(buffer)[:1])


def read(data: bytes, chunk: int = 2**20) -> list[bytes]:
    return list(lines_of(Trickle(data), "r.jsonl", chunk))


@pytest.mark.parametrize("data", [TEXT, COMPRESSED], ids=["plain", "compressed"])
def test_the_lines_of_a_file_are_read(data: bytes) -> None:
    assert read(data) == TEXT.splitlines(keepends=True)


def test_concatenated_gzip_files_are_read() -> None:
    assert b"".join(read(COMPRESSED + COMPRESSED)) == TEXT + TEXT


@pytest.mark.parametrize("data", [b"", gzip.compress(b"")], ids=["plain", "compressed"])
def test_an_empty_file_has_no_lines(data: bytes) -> None:
    assert read(data) == []


def test_a_line_is_read_only_up_to_the_limit() -> None:
    data = gzip.compress(b" " * (MAX_LINE_BYTES + 1000))
    assert len(next(lines_of(Trickle(data), "r.jsonl"))) == MAX_LINE_BYTES + 1


def test_a_truncated_compressed_file_is_refused_with_the_line() -> None:
    for size in range(1, len(COMPRESSED)):
        with pytest.raises(RecordingError, match=r"^r\.jsonl:\d+: cannot be decompressed: "):
            read(COMPRESSED[:size])


def test_a_damaged_byte_of_a_compressed_file_is_detected_or_harmless() -> None:
    for place in range(1, len(COMPRESSED)):
        damaged = bytearray(COMPRESSED)
        damaged[place] ^= 0xFF
        with suppress(RecordingError):
            assert read(bytes(damaged)) == TEXT.splitlines(keepends=True)
