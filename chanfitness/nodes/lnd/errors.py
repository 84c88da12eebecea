"""Errors that end a connection to lnd, and their classification as final or passing.

lnd answers most refusals with the code ``UNKNOWN``, both while it starts and for a bad
macaroon. Only the text tells them apart. Any error not known as a refusal is retried.
"""

from __future__ import annotations

import enum
import re

from ...checks import quoted

_BAD_MACAROON = re.compile(
    "verification failed: "
    "|permission denied$"
    "|(cannot retrieve macaroon: )?cannot get macaroon: root key with id .* doesn't exist$"
    "|expected 1 macaroon, got "
    "|unable to get metadata from context$"
    "|unknown macaroon version: "
    "|caveat .* not satisfied: macaroon (has expired|locked to different IP address)",
    re.DOTALL,
)
_OUT_OF_DATE = {9: "is not yet valid", 10: "has expired"}  # by X509_V_ERR_...


class Code(enum.IntEnum):
    """The status codes of gRPC."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class AbandonedError(Exception):
    """This process ended the connection."""


class DisconnectedError(Exception):
    """A connection or a call ended.

    ``code`` and ``details``: lnd's status, or a corresponding one; without a code, ``details``
    is a text of this package. ``verify_code``: OpenSSL's code of a failed verification.
    """

    def __init__(self, code: Code | None, details: str, verify_code: int | None = None) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details
        self._verify_code = verify_code

    def __str__(self) -> str:
        """Return the reason for a log, with lnd's text quoted."""
        if self.code is None:
            return self.details
        if self.code is Code.OK:
            return "it ended the stream"
        if self._verify_code in _OUT_OF_DATE:
            what = _OUT_OF_DATE[self._verify_code]
            return f"its certificate {what}, by the clock of this machine"
        return f"{self.code.name} {quoted(self.details)}"

    @property
    def refuses_certificate(self) -> bool:
        """Whether the server's certificate is not the trusted one."""
        # A wrong date passes: the clock is corrected, or the certificate renewed.
        return self._verify_code is not None and self._verify_code not in _OUT_OF_DATE

    @property
    def refuses_macaroon(self) -> bool:
        """Whether lnd refuses the macaroon."""
        if self.code is Code.UNKNOWN:
            return bool(_BAD_MACAROON.match(self.details))
        return self.code in (Code.UNAUTHENTICATED, Code.PERMISSION_DENIED)
