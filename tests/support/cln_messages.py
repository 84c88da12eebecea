"""Messages of a lightningd, with the fields that tests need."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from chanfitness import OutPoint, Vertex
from chanfitness.nodes.cln.messages import first_generation_id


def channel_id(number: int) -> str:
    """Return a channel id that depends on ``number`` alone."""
    return f"{number:064x}"


def id_of(point: OutPoint) -> str:
    """Return the channel id that follows from the funding output."""
    name = first_generation_id(point)
    assert name is not None
    return name


def change(channel: str, peer: Vertex, state: str, **more: Any) -> dict[str, Any]:
    """Return a ``channel_state_changed``."""
    return {"channel_id": channel, "peer_id": str(peer), "new_state": state, **more}


def entry(
    channel: str, point: OutPoint, peer: Vertex, state: str = "CHANNELD_NORMAL", **more: Any
) -> dict[str, Any]:
    """Return an entry of ``listpeerchannels``."""
    return {
        "peer_id": str(peer),
        "state": state,
        "channel_id": channel,
        "funding_txid": point.txid,
        "funding_outnum": point.index,
        **more,
    }


def channels(*entries: object) -> dict[str, Any]:
    """Return an answer of ``listpeerchannels``."""
    return {"channels": list(entries)}


def connection(peer: Vertex, address: str, direction: str | None = "out") -> dict[str, Any]:
    """Return a ``connect``."""
    where = {"type": "ipv4", "address": address, "port": 9735}
    return {"id": str(peer), "direction": direction, "address": where}


def peers(
    *online: Vertex,
    offline: tuple[Vertex, ...] = (),
    addresses: Mapping[Vertex, object] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return an answer of ``listpeers``; ``addresses``: the ``netaddr`` of each peer."""
    entries = [
        {"id": str(peer), "connected": True}
        | ({"netaddr": [addresses[peer]]} if peer in addresses else {})
        for peer in online
    ]
    return {"peers": entries + [{"id": str(peer), "connected": False} for peer in offline]}
