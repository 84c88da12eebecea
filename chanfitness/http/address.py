"""Listening addresses, and the check of the ``Host`` header against DNS rebinding.

In DNS rebinding a hostile page resolves its own name to this machine, to read what is served
here. The browser still sends the page's name as ``Host``, so that such requests can be refused.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable

from ..checks import quoted

_LABEL = "[0-9A-Za-z_-]{1,63}"
_NAME = rf"{_LABEL}(?:\.{_LABEL})*"
_ADDRESS = re.compile(
    rf"(?:\[(?P<ipv6>[0-9A-Za-z:.%]+)\]:|(?P<host>{_NAME}):)?(?P<port>[0-9]{{1,5}})"
)
_HOST_HEADER = re.compile(rf"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>{_NAME})\.?)(?::[0-9]*)?")

_Host = str | ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_address(text: str) -> tuple[str, int]:
    """Parse ``[HOST:]PORT``.

    Args:
        text: The address; an IPv6 host is in brackets: ``[::1]:9789``. Port 0 is any free port.

    Returns:
        Host and port; the host is 127.0.0.1 unless given.

    Raises:
        ValueError: The text is not an address.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535 or not _is_ipv6(match["ipv6"] or "::"):
        raise ValueError(
            f"bad address {quoted(text)}: expected PORT, HOST:PORT or [IPV6]:PORT, port 0 to 65535"
        )
    return match["ipv6"] or match["host"] or "127.0.0.1", int(match["port"])


def _is_ipv6(text: str) -> bool:
    try:
        return bool(ipaddress.IPv6Address(text).compressed)
    except ValueError:
        return False


def format_address(host: str, port: int) -> str:
    """Return ``HOST:PORT`` as in a URL, with an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen(address: tuple[str, int]) -> socket.socket:
    """Return a socket that listens at this host and port.

    Raises:
        TypeError: The address is not a pair of host and port.
        ValueError: The host or the port is invalid.
        OSError: The address, which the message names, cannot be listened on.
    """
    if not isinstance(address, tuple) or [type(each) for each in address] != [str, int]:
        raise TypeError(
            f"bad address {quoted(address)}: expected a tuple (host, port), like"
            " ('127.0.0.1', 9789), which parse_address('127.0.0.1:9789') returns"
        )
    host, port = address
    shown = format_address(host, port)
    parse_address(shown)
    try:
        ((family, *_, resolved), *_) = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return socket.create_server(resolved, family=family)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        raise OSError(error.errno, f"cannot listen on {shown}: {reason}") from None


def parse_hosts(hosts: Iterable[str]) -> frozenset[_Host]:
    """Parse names and IP addresses, without ports, for :class:`AllowedHosts`.

    Raises:
        TypeError: ``hosts`` is a string instead of a list.
        ValueError: A host, which the message shows, is invalid.
    """
    if isinstance(hosts, str):
        raise TypeError(f"bad hosts {quoted(hosts)}: expected a list of names, like [{hosts!a}]")
    return frozenset(map(_parse_host, hosts))


def _parse_host(text: str) -> _Host:
    host = text.strip("[]") if isinstance(text, str) else ""
    if not _is_ipv6(host) and not re.fullmatch(_NAME, host):
        raise ValueError(
            f"bad host {quoted(text)}: expected a name or an IP address, without a port"
        )
    return _canonical(host)


def _canonical(host: str) -> _Host:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.lower()


class AllowedHosts:
    """The set of allowed ``Host`` headers, for tests with ``in``.

    Allowed are loopback names and addresses, the given ``host``, the address that it resolved to,
    and ``others``. A ``listener`` on all addresses also allows any IP address, which needs no DNS,
    and this machine's own names.
    """

    def __init__(self, host: str, listener: socket.socket, others: frozenset[_Host]) -> None:
        bound = _canonical(listener.getsockname()[0])
        self._takes_any_ip = not isinstance(bound, str) and bound.is_unspecified
        self._hosts = {"localhost", bound, _canonical(host), *others}
        if self._takes_any_ip:
            name = socket.gethostname().lower()
            short = name.partition(".")[0]
            self._hosts |= {name, short, f"{short}.local"}

    def __contains__(self, header: str) -> bool:
        match = _HOST_HEADER.fullmatch(header)
        if match is None:
            return False
        host = _canonical(match["ipv6"] or match["host"])
        if isinstance(host, str):
            return match["ipv6"] is None and host in self._hosts
        return host.is_loopback or self._takes_any_ip or host in self._hosts
