"""HTTP Basic authentication (RFC 7617) with one password, for any user."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from ..checks import quoted


class Password:
    """A password that requests must have. Immutable, and its text is not kept.

    Args:
        text: The password.

    Raises:
        ValueError: The password is empty.
    """

    def __init__(self, text: str) -> None:
        if not text:
            raise ValueError("bad password: it is empty")
        self._digest = _digest(text.encode())

    def __repr__(self) -> str:
        return "Password(...)"

    def is_in(self, header: str) -> bool:
        """Return whether an ``Authorization`` header has this password, compared in constant time.

        Args:
            header: The header's value.

        Returns:
            True if it has the Basic scheme and this password, with any user.
        """
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
    """Read a password from the first line of a file.

    Args:
        path: The file, in UTF-8.

    Returns:
        The password.

    Raises:
        ValueError: The file, which the message names, cannot be read or has no password.
    """
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
