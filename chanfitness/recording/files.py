"""Reading recordings from files, plain or compressed by gzip."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from functools import partial

from ..errors import RecordingError
from .format import MAX_LINE_BYTES

_GZIP = b"\x1f"  # the first of its magic bytes; no line of a recording begins with it


def lines_of(raw: io.RawIOBase, file: str, chunk: int = 2**20) -> Iterator[bytes]:
    """The lines of a recording, as far as they have a length that one may have.

    ``file``: what errors call it; ``chunk``: how many bytes are read at once. Raises
    ``RecordingError`` for what cannot be decompressed, and what reading raises.
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
