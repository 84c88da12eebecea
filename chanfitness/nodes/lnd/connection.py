"""One connection to lnd: two streams and a few questions, in one queue.

lnd's messages are handed out as they came, in bytes; a stream's messages keep
their order. One thread uses a connection; only :meth:`Connection.abandon` is
for any.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from contextlib import suppress
from typing import Any

from ...checks import extra
from .errors import AbandonedError, DisconnectedError
from .settings import Credentials

with extra("lnd"):
    import grpc

CHANNEL_EVENTS, PEER_EVENTS = "SubscribeChannelEvents", "SubscribePeerEvents"
LIST_CHANNELS, LIST_PEERS = "ListChannels", "ListPeers"

ANSWER_SECONDS = 300
"""How long lnd may take for one answer: a node may be big, and a network slow."""

_OPTIONS = [
    ("grpc.max_receive_message_length", 200 * 1024 * 1024),
    ("grpc.enable_http_proxy", 0),  # lncli has none either
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),  # each connection is a new one
    # A dead line is noticed by a ping. By default a gRPC server hangs up on who pings
    # more often than every five minutes, and gRPC stops after two pings without data.
    ("grpc.keepalive_time_ms", 310_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.ping_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
]
_NO_FIELDS = b""  # every request that is made is an empty message


class Connection:
    """Connects when it is first asked for something; ``close()`` ends it."""

    def __init__(self, target: str, credentials: Credentials) -> None:
        self._metadata = [("macaroon", credentials.macaroon)]
        self._channel = grpc.secure_channel(
            target, grpc.ssl_channel_credentials(credentials.certificate), options=_OPTIONS
        )
        self._arrivals: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._held: deque[tuple[str, bytes]] = deque()
        self._readers: list[threading.Thread] = []
        self._is_abandoned = False

    def subscribe(self) -> None:
        """Begin both streams."""
        for stream in (CHANNEL_EVENTS, PEER_EVENTS):
            call = self._method(self._channel.unary_stream, stream)(
                _NO_FIELDS, metadata=self._metadata
            )
            reader = threading.Thread(
                target=self._read,
                args=[stream, call],
                name=f"chanfitness-lnd-{stream}",
                daemon=True,
            )
            reader.start()
            self._readers.append(reader)

    def ask(self, method: str) -> bytes:
        """What lnd answers. What its streams send meanwhile is held back for :meth:`next`.

        Raises ``DisconnectedError`` if the question or a stream failed, or a stream
        ended; ``AbandonedError`` after :meth:`abandon`.
        """
        call = self._method(self._channel.unary_unary, method).future(
            _NO_FIELDS, metadata=self._metadata, timeout=ANSWER_SECONDS
        )
        call.add_done_callback(self._arrivals.put)
        while (arrival := self._take()) is not call:
            self._held.append(arrival)
        if call.code() is not grpc.StatusCode.OK:
            raise DisconnectedError(call.code(), call.details())
        answer: bytes = call.result()
        return answer

    def next(self) -> tuple[str, bytes]:
        """A stream and its next message; waits for one.

        Raises ``DisconnectedError`` once a stream ended, ``AbandonedError`` after
        :meth:`abandon`.
        """
        arrival: tuple[str, bytes] = self._held.popleft() if self._held else self._take()
        return arrival

    def abandon(self) -> None:
        """Let what waits in this connection, or will, raise ``AbandonedError`` at once."""
        self._is_abandoned = True
        self._arrivals.put(None)

    def close(self) -> None:
        """End all calls; returns when no thread reads any more."""
        self._channel.close()
        for reader in self._readers:
            reader.join()

    @staticmethod
    def _method(kind: Any, name: str) -> Any:
        return kind(f"/lnrpc.Lightning/{name}")

    def _take(self) -> Any:
        arrival = self._arrivals.get()
        if self._is_abandoned:
            raise AbandonedError
        if isinstance(arrival, DisconnectedError):
            raise arrival
        return arrival

    def _read(self, stream: str, call: Any) -> None:
        ended = DisconnectedError(None, "a thread that reads a stream died")
        try:
            with suppress(grpc.RpcError):  # its code says the same
                for message in call:
                    self._arrivals.put((stream, message))
            ended = DisconnectedError(call.code(), call.details())
        finally:
            self._arrivals.put(ended)
