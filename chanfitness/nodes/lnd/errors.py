"""How a connection to lnd ended, and whether that may pass by itself.

lnd answers most refusals with the code ``UNKNOWN``, while it starts as well as for
a bad macaroon: the text alone tells them apart. What is on neither list is
waited out.
"""

from __future__ import annotations

import re

from ...checks import extra, quoted

with extra("lnd"):
    import grpc

_BAD_CERTIFICATE = re.compile(
    "CERTIFICATE_VERIFY_FAILED|is not in peer certificate|Hostname Verification Check failed"
)
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
_OUT_OF_DATE = re.compile("certificate (has expired|is not yet valid)")


class AbandonedError(Exception):
    """We ended a connection ourselves."""


class DisconnectedError(Exception):
    """A connection ended.

    ``code`` and ``details``: how lnd said so, or gRPC; without a code ``details``
    is a text of our own.
    """

    def __init__(self, code: grpc.StatusCode | None, details: str | None) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details or ""

    def __str__(self) -> str:
        """For a log: what came from lnd is quoted."""
        if self.code is None:
            return self.details
        if self.code is grpc.StatusCode.OK:
            return "it ended the stream"
        if out_of_date := self._out_of_date:
            return f"its certificate {out_of_date[1]}, by the clock of this machine"
        return f"{self.code.name} {quoted(self._what_matters)}"

    @property
    def refuses_certificate(self) -> bool:
        """Is that not the lnd whose certificate we hold?"""
        return (
            self.code is grpc.StatusCode.UNAVAILABLE
            and not self._out_of_date  # a clock is set right, a certificate is renewed
            and bool(_BAD_CERTIFICATE.search(self.details))
        )

    @property
    def refuses_macaroon(self) -> bool:
        """Does lnd not take our macaroon?"""
        if self.code is grpc.StatusCode.UNKNOWN:
            return bool(_BAD_MACAROON.match(self.details))
        return self.code in (
            grpc.StatusCode.UNAUTHENTICATED,
            grpc.StatusCode.PERMISSION_DENIED,
        )

    @property
    def _out_of_date(self) -> re.Match[str] | None:
        if self.code is not grpc.StatusCode.UNAVAILABLE:
            return None
        return _OUT_OF_DATE.search(self.details)

    @property
    def _what_matters(self) -> str:
        """The details; of a connection that failed, where gRPC nests reasons, the innermost."""
        if self.code is not grpc.StatusCode.UNAVAILABLE:
            return self.details
        return self.details.rpartition(": ")[2] or self.details
