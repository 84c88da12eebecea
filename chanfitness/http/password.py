"""HTTP Basic authentication (RFC 7617) with one password, for any user."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from ..checks import quoted


class Password:
    """A password that requests must have. Raises ``ValueError`` for an empty one."""

    def __init__(self, text: str) -> None:
        if not text:
            raise ValueError("bad password: it is empty")
        self._digest = _digest(text.encode())

    def __repr__(self) -> str:
        return "Password(...)"

    def is_in(self, header: str) -> bool:
        """Whether an ``Authorization`` header has it; in a time that does not depend on both."""
        scheme, _, credentials = header.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            decoded = base64.b64decode(credentials.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        _, colon, password = decoded.partition(b":")
        return hmac.compare_digest(_digest(password), self._digest) and bool(colon)


def _digest(password: bytes) -> bytes:
    return hashlib.sha256(password).digest()


def read_password(path: str) -> Password:
    """The first line of a file. Raises ``ValueError`` that names the file."""
    try:
        with open(path, encoding="utf-8") as file:
            return Password(file.readline().rstrip("\r\n"))
    except OSError as error:
        raise ValueError(
            f"cannot read the password file {quoted(path)}: {error.strerror}"
        ) from None
    except ValueError:
        raise ValueError(
            f"bad password file {quoted(path)}: expected a password in its first line, in UTF-8"
        ) from None
