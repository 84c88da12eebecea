"""Words of a lightningd, as few as a test needs."""

from __future__ import annotations

from typing import Any

from chanfitness import OutPoint, Vertex
from chanfitness.nodes.cln.messages import first_generation_id


def channel_id(number: int) -> str:
    """A channel id that only ``number`` decides."""
    return f"{number:064x}"


def id_of(point: OutPoint) -> str:
    """The channel id that a channel has from its funding."""
    name = first_generation_id(point)
    assert name is not None
    return name


def change(channel: str, peer: Vertex, state: str, **more: Any) -> dict[str, Any]:
    """A ``channel_state_changed``."""
    return {"channel_id": channel, "peer_id": str(peer), "new_state": state, **more}


def entry(
    channel: str, point: OutPoint, peer: Vertex, state: str = "CHANNELD_NORMAL", **more: Any
) -> dict[str, Any]:
    """An entry of ``listpeerchannels``."""
    return {
        "peer_id": str(peer),
        "state": state,
        "channel_id": channel,
        "funding_txid": point.txid,
        "funding_outnum": point.index,
        **more,
    }


def channels(*entries: object) -> dict[str, Any]:
    """An answer of ``listpeerchannels``."""
    return {"channels": list(entries)}


def peers(*online: Vertex, offline: tuple[Vertex, ...] = ()) -> dict[str, Any]:
    """An answer of ``listpeers``."""
    entries = [{"id": str(peer), "connected": True} for peer in online]
    return {"peers": entries + [{"id": str(peer), "connected": False} for peer in offline]}
