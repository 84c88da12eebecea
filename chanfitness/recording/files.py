"""Reader of recording files, plain or compressed by gzip."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from functools import partial

from ..errors import RecordingError
from .format import MAX_LINE_BYTES

_GZIP = b"\x1f"  # the first byte of every gzip file, and of no recording


def lines_of(raw: io.RawIOBase, file: str, chunk: int = 2**20) -> Iterator[bytes]:
    """Yield the lines of a recording. A line that is too long is cut after the limit.

    Args:
        raw: The open file. It is closed at the end.
        file: Its name in errors.
        chunk: The number of bytes to read at once.

    Raises:
        RecordingError: The file cannot be decompressed.
        OSError: The file cannot be read.
    """
    number = 1
    with io.BufferedReader(raw, chunk) as plain:
        is_compressed = plain.peek(1)[:1] == _GZIP
        source: io.BufferedIOBase = gzip.GzipFile(fileobj=plain) if is_compressed else plain
        read_line = partial(source.readline, MAX_LINE_BYTES + 1)
        try:
            while line := read_line():
                yield line
                number += 1
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise RecordingError(file, number, f"cannot be decompressed: {error}") from None
