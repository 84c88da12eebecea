"""Channel and node identifiers, as lnd's ``wire.OutPoint`` and ``route.Vertex``.

A *channel point* is the :class:`OutPoint` of the transaction output that funds
the channel. A *vertex* is the public key of a node in the channel graph.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from typing_extensions import Self

from .checks import quoted

_TXID = re.compile(r"[0-9a-fA-F]{64}")
_OUTPOINT = re.compile(r"([0-9a-fA-F]{64}):(0|[1-9][0-9]{0,9})")
_PUBLIC_KEY = re.compile(r"[0-9a-fA-F]{66}")
_MAX_INDEX = 2**32 - 1


class _OutPointFields(NamedTuple):
    txid: str
    index: int  # type: ignore[assignment]


class OutPoint(_OutPointFields):
    """A transaction output. ``str()`` returns ``txid:index``.

    Immutable and hashable.

    Args:
        txid: The transaction's id: 64 hex digits, in the byte order of block explorers.
            Upper case is converted to lower case.
        index: The output's index, 0 to 2**32 - 1.

    Raises:
        ValueError: The text is no txid, or the index is out of range.
        TypeError: An argument has another type.
    """

    __slots__ = ()

    def __new__(cls, txid: str, index: int) -> Self:
        if not isinstance(txid, str):
            raise TypeError(f"a txid is a str of 64 hex digits, not {quoted(txid)}")
        if not isinstance(index, int) or isinstance(index, bool):
            raise TypeError(f"an output index is an int, not {quoted(index)}")
        if not _TXID.fullmatch(txid):
            raise ValueError(f"bad txid {quoted(txid)}: expected 64 hex digits")
        if not 0 <= index <= _MAX_INDEX:
            raise ValueError(f"bad output index {quoted(index)}: expected 0 to {_MAX_INDEX}")
        return super().__new__(cls, txid.lower(), index)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the outpoint for ``txid:index``.

        Raises:
            ValueError: The text has another form.
            TypeError: ``text`` is no str.
        """
        if not isinstance(text, str):
            raise TypeError(f"an outpoint is parsed from a str, not {quoted(text)}")
        match = _OUTPOINT.fullmatch(text)
        if match is None:
            raise ValueError(
                f"bad outpoint {quoted(text)}: expected 64 hex digits, a colon, the output index"
            )
        return cls(match[1], int(match[2]))

    def __str__(self) -> str:
        return f"{self.txid}:{self.index}"

    def __repr__(self) -> str:
        return f"OutPoint.parse('{self}')"


class Vertex(bytes):
    """A node's public key in compressed form. ``str()`` returns it in lower-case hex.

    A subclass of ``bytes``, which keeps hashing and comparing fast.

    Args:
        key: 33 bytes, the first 2 or 3.

    Raises:
        ValueError: The bytes are no compressed key.
        TypeError: ``key`` is no bytes.
    """

    __slots__ = ()

    def __new__(cls, key: bytes) -> Self:
        if not isinstance(key, bytes):
            raise TypeError(
                f"a vertex is made of bytes, not {quoted(key)}: for hex, Vertex.parse()"
            )
        if len(key) != 33 or key[0] not in (2, 3):
            raise ValueError(f"bad vertex {quoted(key)}: expected 33 bytes, the first 2 or 3")
        return super().__new__(cls, key)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the vertex for 66 hex digits.

        Raises:
            ValueError: The text has another form.
            TypeError: ``text`` is no str.
        """
        if not isinstance(text, str):
            raise TypeError(f"a vertex is parsed from a str, not {quoted(text)}")
        if not _PUBLIC_KEY.fullmatch(text) or text[:2] not in ("02", "03"):
            raise ValueError(
                f"bad public key {quoted(text)}: expected 66 hex digits that begin with 02 or 03"
            )
        return cls(bytes.fromhex(text))

    def __str__(self) -> str:
        return self.hex()

    def __repr__(self) -> str:
        return f"Vertex.parse('{self.hex()}')"
