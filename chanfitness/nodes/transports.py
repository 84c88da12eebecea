"""Classification of peer addresses by transport."""

from __future__ import annotations

import ipaddress
import re

_HOST_AND_PORT = re.compile(r"(?:\[(.+)\]|([^:]*)):\d+", re.ASCII)
_HOST_NAME = re.compile(r"(?=.*[a-z])[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.ASCII)

_HIDDEN = {"onion": "tor", "i2p": "i2p"}
"""Transports by the last label of a host name."""


def transport_of(address: str, inbound: bool | None) -> str:
    """Return the transport of a connection, one of ``chanfitness.events.TRANSPORTS``.

    An address of this machine or of a private network is "local" only if this node connected
    to it. An inbound connection from one may have come through Tor or a proxy, so it is
    "unknown". Text that is no address is "unknown", too.

    Args:
        address: The peer's IP address (v6 in brackets if a port follows) or host name, with
            or without a port.
        inbound: Whether the peer connected to this node; None (not known) counts as inbound.
    """
    is_outbound = inbound is False
    match = _HOST_AND_PORT.fullmatch(address)
    host = (match[1] or match[2]) if match else address
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return _transport_of_name(host.lower(), is_outbound)
    if _is_local(ip):
        return "local" if is_outbound else "unknown"
    return "clearnet"


def _is_local(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped  # older Pythons do not look at the mapped address
    return ip.is_loopback or ip.is_private or ip.is_link_local


def _transport_of_name(host: str, is_outbound: bool) -> str:
    if not _HOST_NAME.fullmatch(host):
        return "unknown"
    last = host.rpartition(".")[2]
    if last in _HIDDEN:
        return _HIDDEN[last]
    if not is_outbound:
        return "unknown"
    return "local" if host == "localhost" else "clearnet"
