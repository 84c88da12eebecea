"""Connection settings and credentials of lnd: those of ``lncli``, with a read-only macaroon."""

from __future__ import annotations

import os
import re
import ssl
import sys
from dataclasses import dataclass, field

from ...checks import quoted
from ...errors import NodeError

StrPath = str | os.PathLike[str]

PORT = "10009"
NETWORKS = ("mainnet", "testnet", "testnet4", "regtest", "simnet", "signet")

_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+(%\w+)?\]")
_MAXIMUM_BYTES = 1_000_000
_MACAROON_V2 = b"\x02"


@dataclass(frozen=True)
class Credentials:
    """The certificate and macaroon of a connection. Never shown, and dropped with it."""

    certificate: bytes = field(repr=False)
    """The trusted certificates, as PEM."""
    macaroon: str = field(repr=False)
    """In hexadecimal, as in lnd's metadata."""


@dataclass(frozen=True)
class Settings:
    """The settings. ``target``: ``rpcserver`` in full, ``host:port`` or ``unix:path``."""

    rpcserver: str
    target: str
    tlscertpath: str
    macaroonpath: str

    def read(self) -> Credentials:
        """Read the certificate and the macaroon. Raise ``NodeError`` if one is unusable."""
        return Credentials(self._certificate(), self._macaroon())

    def _certificate(self) -> bytes:
        certificate = _read(self.tlscertpath, "certificate")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cadata=certificate.decode("ascii"))
        except (ValueError, ssl.SSLError):
            raise NodeError(f"{self.tlscertpath!a} is not a certificate") from None
        return certificate

    def _macaroon(self) -> str:
        macaroon = _read(self.macaroonpath, "macaroon")
        if not macaroon.startswith(_MACAROON_V2):
            # Do not send another secret, given by mistake, to the server.
            raise NodeError(f"{self.macaroonpath!a} is not a macaroon")
        return macaroon.hex()


def resolve(
    *,
    rpcserver: str | None = None,
    lnddir: StrPath | None = None,
    tlscertpath: StrPath | None = None,
    network: str | None = None,
    macaroonpath: StrPath | None = None,
) -> Settings:
    """Return the settings: as given, or from ``lncli``'s environment, or lnd's defaults.

    As with ``lncli``, ``LNCLI_TLSCERTPATH`` is ignored if the directory is not lnd's default.

    Raise ``ValueError`` for an invalid network or address.
    """
    rpcserver = rpcserver or _environment("RPCSERVER") or "localhost"
    network = (network or _environment("NETWORK") or "mainnet").lower()
    if network not in NETWORKS:
        raise ValueError(f"bad network {quoted(network)}: expected one of {', '.join(NETWORKS)}")
    usual = _expand(_usual_directory())
    directory = _expand(lnddir or _environment("LNDDIR") or usual)
    if not tlscertpath and directory == usual:
        tlscertpath = _environment("TLSCERTPATH")
    macaroonpath = macaroonpath or _environment("MACAROONPATH")
    return Settings(
        rpcserver,
        _target(rpcserver),
        _expand(tlscertpath or os.path.join(directory, "tls.cert")),
        _expand(
            macaroonpath
            or os.path.join(directory, "data", "chain", "bitcoin", network, "readonly.macaroon")
        ),
    )


def _environment(name: str) -> str | None:
    return os.environ.get(f"LNCLI_{name}")


def _usual_directory() -> str:
    return "~/Library/Application Support/Lnd" if sys.platform == "darwin" else "~/.lnd"


def _expand(path: StrPath) -> str:
    return os.path.normpath(os.path.expandvars(os.path.expanduser(os.fspath(path))))


def _target(rpcserver: str) -> str:
    """Return ``host:port`` or ``unix:path`` for these, or for ``host`` or ``port`` alone."""
    scheme, is_url, rest = rpcserver.partition("://")
    if scheme == "unix" and is_url:
        return f"unix:{rest}"
    if rpcserver.startswith("unix:"):
        return rpcserver
    address = rest if is_url and scheme == "tcp" else rpcserver
    host, port = _split(address)
    if not _HOST.fullmatch(host) or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError(f"bad rpcserver {quoted(rpcserver)}: expected host:port")
    return f"{host}:{port}"


def _split(address: str) -> tuple[str, str]:
    if re.fullmatch(r"[0-9]+", address):
        return "localhost", address
    if address.count(":") > 1 and not address.startswith("["):
        return f"[{address}]", PORT
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        return address, PORT
    return host or "localhost", port or PORT


def _read(path: str, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_MAXIMUM_BYTES)
    except OSError as error:
        raise NodeError(f"cannot read lnd's {what} {path!a}: {error.strerror}") from None
