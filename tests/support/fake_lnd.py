"""A fake lnd: real gRPC over TLS with a macaroon check.

A test sets its answers and the messages of its streams, in bytes. No real time passes: streams
wait for the test, and the test for streams.
"""

from __future__ import annotations

import collections
import functools
import queue
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Any, NamedTuple, NoReturn

import grpc
import trustme
from typing_extensions import Self

from chanfitness import OpenChannel, OutPoint, Vertex

from .stores import WAIT, Call

CHANNEL_EVENTS, PEER_EVENTS = "SubscribeChannelEvents", "SubscribePeerEvents"
LIST_CHANNELS, LIST_PEERS = "ListChannels", "ListPeers"
GET_STATE = "GetState"
METHODS = (CHANNEL_EVENTS, PEER_EVENTS, LIST_CHANNELS, LIST_PEERS)
SERVICES = dict.fromkeys(METHODS, "/lnrpc.Lightning") | {GET_STATE: "/lnrpc.State"}

MACAROON = b"\x02\x01\x03lnd" + bytes(range(200, 230))
"""The first bytes of a real macaroon."""

Status = tuple[grpc.StatusCode, str]

AWAY: Status = (grpc.StatusCode.UNAVAILABLE, "Stream removed (Socket closed)")
ENDED: Status = (grpc.StatusCode.OK, "")
LOCKED: Status = (
    grpc.StatusCode.UNKNOWN,
    "wallet locked, unlock it to enable full RPC access",
)


# lnd's messages, by the field numbers of its .proto files.


def message(*fields: tuple[int, int | bytes | str]) -> bytes:
    """Return a protobuf message of (field number, value) pairs in any order."""
    return b"".join(_field(*field) for field in fields)


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    if value < 128:
        return bytes([value])
    return bytes([value & 127 | 128]) + _varint(value >> 7)


class Described(NamedTuple):
    """A channel with lnd's description; fields that are None are left out."""

    channel: OpenChannel
    chan_id: int | None = None
    capacity: int | None = None
    private: bool | None = None
    zero_conf: bool | None = None
    zero_conf_confirmed_scid: int | None = None
    peer_alias: bytes | str | None = None


class Connected(NamedTuple):
    """A peer with the address of its connection; None leaves it out."""

    peer: Vertex
    address: bytes | str | None = None
    inbound: bool | None = None


def opened(channel: OpenChannel | Described) -> bytes:
    return message((1, _channel(channel)))


def closed(channel: OpenChannel) -> bytes:
    summary = message((1, str(channel.channel_point)), (5, str(channel.peer)), (10, 1))
    return message((2, summary), (5, 1))


def active(point: OutPoint, *, as_text: bool = False) -> bytes:
    return message((3, _channel_point(point, as_text=as_text)), (5, 2))


def inactive(point: OutPoint, *, as_text: bool = False) -> bytes:
    return message((4, _channel_point(point, as_text=as_text)), (5, 3))


def _channel_point(point: OutPoint, *, as_text: bool) -> bytes:
    in_wire_order = bytes.fromhex(point.txid)[::-1]
    txid = (2, point.txid) if as_text else (1, in_wire_order)
    return message(txid, (3, point.index))


def online(peer: Vertex) -> bytes:
    return message((1, str(peer)))


def offline(peer: Vertex) -> bytes:
    return message((1, str(peer)), (2, 1))


def channels(*open_channels: OpenChannel | Described) -> bytes:
    return b"".join(message((11, _channel(each))) for each in open_channels)


def peers(*online_peers: Vertex | Connected) -> bytes:
    return b"".join(message((1, _peer(each))) for each in online_peers)


def _channel(channel: OpenChannel | Described) -> bytes:
    """Return a channel of the listing, active by default."""
    (point, peer), *details = channel if isinstance(channel, Described) else Described(channel)
    is_active = (channel.channel if isinstance(channel, Described) else channel).active
    return message(
        (1, is_active is not False),
        (2, str(peer)),
        (3, str(point)),
        (23, 6),
        *_told(zip((4, 5, 17, 32, 33, 34), details, strict=True)),
    )


def _peer(peer: Vertex | Connected) -> bytes:
    key, *details = peer if isinstance(peer, Connected) else Connected(peer)
    return message((1, str(key)), *_told(zip((3, 8), details, strict=True)))


def _told(
    fields: Iterable[tuple[int, int | bytes | str | None]],
) -> list[tuple[int, int | bytes | str]]:
    return [(number, value) for number, value in fields if value is not None]


# The server.


@functools.cache
def authority() -> trustme.CA:
    """Return the authority that signs all certificates, made once."""
    return trustme.CA()


@functools.cache
def certificate(*names: str) -> trustme.LeafCert:
    return authority().issue_cert(*names)


class Stream:
    """A client's stream: its messages and its end."""

    def __init__(self) -> None:
        self._steps: queue.SimpleQueue[bytes | Status] = queue.SimpleQueue()

    def send(self, *messages: bytes) -> None:
        for each in messages:
            self._steps.put(each)

    def end(self, status: Status = ENDED) -> None:
        self._steps.put(status)

    def serve(self, context: grpc.ServicerContext) -> Iterator[bytes]:
        while isinstance(step := self._steps.get(), bytes):
            yield step
        if step != ENDED:
            context.abort(*step)


class Link(NamedTuple):
    """The two streams of one connection."""

    channels: Stream
    peers: Stream

    def end(self, status: Status = ENDED) -> None:
        self.channels.end(status)
        self.peers.end(status)


class FakeLnd(grpc.GenericRpcHandler):
    """The server.

    ``on``: by method, a function that is called in the call's thread before the answer; it may
    wait, raise by ``context.abort``, or return another answer than ``answers`` has.

    ``calls``: the called methods, in order. ``requests``: the last requests of listings. The
    channels are not listed before both streams have begun.
    """

    def __init__(self, *names: str) -> None:
        self.certificate = certificate(*(names or ("localhost", "127.0.0.1")))
        self.macaroon = MACAROON
        self.answers = {LIST_CHANNELS: b"", LIST_PEERS: b""}
        self.on: dict[str, Callable[[grpc.ServicerContext], object]] = {}
        self.calls: list[str] = []
        self.requests: dict[str, bytes] = {}
        self._links: queue.SimpleQueue[Link] = queue.SimpleQueue()
        self._half = collections.defaultdict[str, dict[str, Stream]](dict)  # by connection
        self._whole = collections.defaultdict[str, threading.Event](threading.Event)
        self._lock = threading.Lock()  # guards calls and requests
        self._place = socket.socket()  # keeps the port while no server runs
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._place.bind(("127.0.0.1", 0))
        self.port = self._place.getsockname()[1]
        self.start()

    @property
    def rpcserver(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._pool = futures.ThreadPoolExecutor(max_workers=16)
        self._server = grpc.server(
            self._pool, [self], options=[("grpc.max_send_message_length", -1)]
        )
        chain = b"".join(pem.bytes() for pem in self.certificate.cert_chain_pems)
        key = self.certificate.private_key_pem.bytes()
        self._server.add_secure_port(self.rpcserver, grpc.ssl_server_credentials([(key, chain)]))
        self._server.start()

    def stop(self) -> None:
        """Cut all connections, and stop listening."""
        assert self._server.stop(0).wait(timeout=WAIT)
        Call(self._pool.shutdown).result()

    def accept(self) -> Link:
        """Wait for the next client with both streams and a request for the channels."""
        return self._links.get(timeout=WAIT)

    def newest(self) -> Link | None:
        """Return the client that :meth:`accept` would return, or None at once."""
        return None if self._links.empty() else self.accept()

    def set_state(
        self,
        open_channels: Iterable[OpenChannel | Described],
        online_peers: Iterable[Vertex | Connected],
    ) -> None:
        """Set the content of the listings."""
        self.answers = {
            LIST_CHANNELS: channels(*open_channels),
            LIST_PEERS: peers(*online_peers),
        }

    def refuse(self, status: Status, *methods: str) -> None:
        """Refuse calls with this error, by default all, until ``accept_again``."""

        def abort(context: grpc.ServicerContext) -> NoReturn:
            context.abort(*status)

        self.on = self.on | dict.fromkeys(methods or METHODS, abort)

    def accept_again(self) -> None:
        self.on = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._place.close()

    # gRPC's side.

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        service, _, method = details.method.rpartition("/")
        if SERVICES.get(method) != service:
            return None
        self.calls.append(method)
        if method == GET_STATE:
            return grpc.unary_unary_rpc_method_handler(self._state)
        if method in (CHANNEL_EVENTS, PEER_EVENTS):
            return grpc.unary_stream_rpc_method_handler(functools.partial(self._stream, method))
        return grpc.unary_unary_rpc_method_handler(functools.partial(self._answer, method))

    def _stream(self, method: str, _: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        self._admit(method, context)
        stream = Stream()
        if not context.add_callback(stream.end):  # the client is gone already
            return iter(())
        with self._lock:
            link = self._half[context.peer()]
            link[method] = stream
            if len(link) == 2:
                self._whole[context.peer()].set()
        return stream.serve(context)

    def _answer(self, method: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.requests[method] = request
        if method == LIST_CHANNELS:
            self._connect(context)
        another = self._admit(method, context)
        return another if isinstance(another, bytes) else self.answers[method]

    def _state(self, _: bytes, context: grpc.ServicerContext) -> bytes:
        """Answer as lnd does, without a macaroon; the client must send none."""
        assert "macaroon" not in dict(context.invocation_metadata())
        if GET_STATE in self.on:
            self.on[GET_STATE](context)
        return message((1, 4))

    def _connect(self, context: grpc.ServicerContext) -> None:
        """Wait for both streams of a client, which is then usable by a test."""
        with self._lock:
            whole = self._whole[context.peer()]
        if context.add_callback(whole.set):  # called when the client goes, or already gone
            assert whole.wait(timeout=WAIT)
        with self._lock:
            link = self._half.pop(context.peer(), {})  # once, although it may ask often
            if len(link) == 2:
                self._links.put(Link(link[CHANNEL_EVENTS], link[PEER_EVENTS]))

    def _admit(self, method: str, context: grpc.ServicerContext) -> object:
        done = self.on[method](context) if method in self.on else None
        macaroons = [value for key, value in context.invocation_metadata() if key == "macaroon"]
        if len(macaroons) != 1:
            context.abort(grpc.StatusCode.UNKNOWN, f"expected 1 macaroon, got {len(macaroons)}")
        if macaroons[0] != self.macaroon.hex():
            context.abort(
                grpc.StatusCode.UNKNOWN,
                "verification failed: signature mismatch after caveat verification",
            )
        return done
