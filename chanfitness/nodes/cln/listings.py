"""Client for lightningd's peer and channel lists, aliases and record of network events."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from ...logs import Log
from ...wire import Vertex
from ..told_reasons import ToldReasons
from .messages import Listed, Listing, parse_alias, parse_channels, parse_listing
from .network_events import (
    NetworkEvent,
    first_since,
    read_events,
    wait_for,
)
from .rpc_client import LightningRpc, NoAnswerError, RefusedError, RpcError

logger = Log(__name__)

T = TypeVar("T")

_PEER_FIELDS = {"peers": [{"id": True, "connected": True, "netaddr": True}]}
_NODE_FIELDS = {"nodes": [{"alias": True}]}
_CHANNEL_FIELDS = {
    "channels": [
        {
            "peer_id": True,
            "peer_connected": True,
            "reestablished": True,
            "state": True,
            "short_channel_id": True,
            "alias": {"local": True, "remote": True},
            "channel_id": True,
            "funding_txid": True,
            "funding_outnum": True,
            "total_msat": True,
            "private": True,
            "state_changes": [{"old_state": True, "new_state": True}],
        }
    ]
}


NO_RECORD = -1
"""Number of the latest event of a lightningd that does not record network events."""

_UNKNOWN_METHOD, _BAD_PARAMETERS = -32601, -32602  # answers of an older lightningd


class Record(NamedTuple):
    """Network events, in order, up to number ``last``."""

    events: list[NetworkEvent]
    last: int


class ListingClient:
    """Asks for listings, and logs failures at a limited rate.

    ``on_answer``: called at each answer; an ``RpcError`` that it raises voids the answer.
    ``on_silence``: called when no answer came; set by the user. ``failure``: why the last
    question failed, or None. For one thread, but any thread may read ``failure``.
    """

    def __init__(self, rpc: LightningRpc, on_answer: Callable[[], object]) -> None:
        self._rpc = rpc
        self._on_answer = on_answer
        self._told = ToldReasons()
        self.on_silence: Callable[[], object] = bool
        self.failure: str | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the last question got a usable answer."""
        return self.failure is None

    def everything(self) -> Listing | None:
        """Return all peers and channels, or None without an answer."""

        def ask() -> Listing:
            peers = self._call("listpeers", {}, _PEER_FIELDS)
            channels = self._call("listpeerchannels", {}, _CHANNEL_FIELDS)
            return parse_listing(peers, channels)

        return self._asked(ask)

    def channels_of(self, peer: Vertex) -> list[Listed] | None:
        """Return the channels with one peer, or None without an answer."""

        def ask() -> list[Listed]:
            params: dict[str, object] = {"id": str(peer)}
            return parse_channels(self._call("listpeerchannels", params, _CHANNEL_FIELDS))

        return self._asked(ask)

    def latest_event(self) -> int | None:
        """Return the latest network event's number, ``NO_RECORD``, or None without an answer."""

        def ask() -> int:
            try:
                return wait_for(self._call, 0).number
            except RefusedError as refusal:
                if refusal.code in (_UNKNOWN_METHOD, _BAD_PARAMETERS):
                    return NO_RECORD
                raise
            except ValueError as error:
                logger.warning(
                    "cannot use lightningd's record of network events, going on without: %s", error
                )
                return NO_RECORD

        return self._asked(ask)

    def recorded_since(self, since: datetime.datetime, last: int) -> Record | None:
        """Return the network events from the second of ``since`` up to number ``last``.

        None without an answer, or if some are no longer kept; the latter is logged.
        """

        def ask() -> list[NetworkEvent]:
            return [*read_events(self._call, first_since(self._call, since, last), last)]

        return self._recorded(ask, last)

    def recorded_after(self, record: Record, last: int) -> Record | None:
        """Return a record extended up to number ``last``; None as :meth:`recorded_since`."""

        def ask() -> list[NetworkEvent]:
            return [*record.events, *read_events(self._call, record.last + 1, last)]

        return self._recorded(ask, last)

    def _recorded(self, read: Callable[[], list[NetworkEvent]], last: int) -> Record | None:
        def ask() -> Record | None:
            try:
                return Record(read(), last)
            except ValueError as error:
                logger.info("cannot fill in the unseen time, it stays blind: %s", error)
                return None

        return self._asked(ask)

    def alias_of(self, peer: Vertex) -> str | None:
        """Return a peer's announced alias, or None. A failure is logged, but is no ``failure``."""
        try:
            return parse_alias(self._call("listnodes", {"id": str(peer)}, _NODE_FIELDS))
        except (RpcError, ValueError) as error:
            if self._told.is_due(str(error)):
                logger.warning("cannot look up an alias, asking again within an hour: %s", error)
            return None

    def _call(self, method: str, params: dict[str, object], fields: object) -> object:
        answer = self._rpc.call(method, params, fields)
        self._on_answer()
        return answer

    def _asked(self, ask: Callable[[], T]) -> T | None:
        try:
            answer = ask()
        except (RpcError, ValueError) as error:
            self.failure = str(error)
            if isinstance(error, NoAnswerError):
                self.on_silence()
            if self._told.is_due(self.failure):
                logger.warning("%s; asking again within half a minute", error)
            return None
        if not self.is_answered:
            logger.info("lightningd answers again")
            self._told.clear()
        self.failure = None
        return answer
