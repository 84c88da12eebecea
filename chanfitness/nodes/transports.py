"""Classification of a peer's address: by which transport this node reaches the peer."""

from __future__ import annotations

import ipaddress
import re

_HOST_AND_PORT = re.compile(r"(?:\[(.+)\]|([^:]*)):\d+", re.ASCII)
_HOST_NAME = re.compile(r"(?=.*[a-z])[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.ASCII)

_HIDDEN = {"onion": "tor", "i2p": "i2p"}
"""Transports by the last label of a host name."""


def transport_of(address: str, inbound: bool | None) -> str:
    """The transport of a connection with ``address``, one of ``chanfitness.events.TRANSPORTS``.

    ``address``: the peer's, as a node tells it: an IP address (v6 in brackets if a port
    follows) or a host name, with a port or without one. ``inbound``: whether the peer
    connected to this node; None, where that is not known, counts as that it did.

    An address of this machine or of a private network is "local" only if this node
    connected to it. A peer that came from one may as well have come through Tor or through
    a proxy on the way, so that is "unknown", as is what is no address.
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
        ip = ip.ipv4_mapped  # older Pythons look at the IPv6 address alone
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
