"""The gRPC client, with valid and invalid answers of a server."""

from __future__ import annotations

import queue
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from hyperframe.frame import GoAwayFrame, PingFrame

from chanfitness.nodes.lnd import tls
from chanfitness.nodes.lnd.calls import Answer, Calls
from chanfitness.nodes.lnd.errors import Code

from ...support.fake_lnd import authority
from ...support.http2_server import Http2Server
from ...support.stores import WAIT

Headers = list[tuple[str, str]]

OK: Headers = [(":status", "200"), ("content-type", "application/grpc")]
FINE: Headers = [("grpc-status", "0")]


def framed(message: bytes, flag: int = 0) -> bytes:
    return struct.pack(">BI", flag, len(message)) + message


def answer(
    http: H2Connection,
    number: int,
    *,
    headers: Headers = OK,
    data: tuple[bytes, ...] = (),
    trailers: Headers | None = FINE,
) -> None:
    http.send_headers(number, headers, end_stream=trailers is None and not data)
    for each in data:
        http.send_data(number, each, end_stream=trailers is None and each is data[-1])
    if trailers is not None:
        http.send_headers(number, trailers, end_stream=True)


@contextmanager
def connected(target: str) -> Iterator[Calls]:
    """Yield calls over a connection in a thread of its own, and check that it ends."""
    calls = Calls(target, authority().cert_pem.bytes())
    thread = threading.Thread(target=calls.run, name="calls", daemon=True)
    thread.start()
    try:
        yield calls
    finally:
        calls.close()
        thread.join(timeout=WAIT)
        assert not thread.is_alive()
        calls.discard()


def begun(calls: Calls) -> queue.SimpleQueue[Answer]:
    """Begin a call, and return the queue for its answer."""
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    calls.begin_unary("/some.Service/Method", b"", [], answers.put)
    return answers


def asked(server: Http2Server) -> Answer:
    """Return the answer to one call."""
    with server, connected(server.target) as calls:
        return begun(calls).get(timeout=WAIT)


def told(found: Answer) -> tuple[Code | None, str]:
    return found.end.code, found.end.details


# Answers.


def test_an_answer_in_pieces() -> None:
    pieces = tuple(bytes([each]) for each in framed(b"a whole answer"))
    found = asked(Http2Server(partial(answer, data=pieces)))
    assert (found.message, *told(found)) == (b"a whole answer", Code.OK, "")


def test_messages_in_one_piece() -> None:
    got: list[bytes] = []
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    pieces = (framed(b"one") + framed(b"") + framed(b"three"),)
    with Http2Server(partial(answer, data=pieces)) as server, connected(server.target) as calls:
        calls.begin("/some.Service/Method", b"", [], got.append, ended.put)
        ended.get(timeout=WAIT)
    assert got == [b"one", b"", b"three"]


def test_what_else_http2_tells_of_a_call_changes_nothing() -> None:
    def hint_first(http: H2Connection, number: int) -> None:
        http.increment_flow_control_window(1, number)
        http.send_headers(number, [(":status", "103")])
        answer(http, number, data=(framed(b"an answer"),))

    found = asked(Http2Server(hint_first))
    assert (found.message, *told(found)) == (b"an answer", Code.OK, "")


@pytest.mark.parametrize(
    ("trailers", "expected"),
    [
        ([("grpc-status", "2"), ("grpc-message", "wallet%20locked")], (2, "wallet locked")),
        (
            [("grpc-status", "13"), ("grpc-message", "%FF%1b")],
            (13, "\ufffd\x1b"),
        ),
        ([("grpc-status", "14")], (14, "")),
        ([("grpc-status", "99"), ("grpc-message", "later")], (2, "later")),
        ([("grpc-status", "x")], (2, "")),
        ([("other", "x")], (2, "HTTP status 200")),
    ],
)
def test_a_status_in_the_trailers(trailers: Headers, expected: tuple[int, str]) -> None:
    assert told(asked(Http2Server(partial(answer, trailers=trailers)))) == expected


def test_a_status_in_the_headers_alone() -> None:
    headers = [*OK, ("grpc-status", "7"), ("grpc-message", "permission denied")]
    found = asked(Http2Server(partial(answer, headers=headers, trailers=None)))
    assert told(found) == (Code.PERMISSION_DENIED, "permission denied")
    assert found.end.refuses_macaroon


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("400", Code.INTERNAL),
        ("401", Code.UNAUTHENTICATED),
        ("403", Code.PERMISSION_DENIED),
        ("404", Code.UNIMPLEMENTED),
        ("418", Code.UNKNOWN),
        *[(each, Code.UNAVAILABLE) for each in ("429", "502", "503", "504")],
        ("no", Code.UNKNOWN),
    ],
)
def test_a_proxys_page_has_the_code_of_its_status(status: str, code: Code) -> None:
    page = partial(answer, headers=[(":status", status)], data=(b"<h1>Sorry</h1>",), trailers=None)
    assert told(asked(Http2Server(page))) == (code, f"HTTP status {status}")


@pytest.mark.parametrize(
    ("reset", "code"),
    [
        (ErrorCodes.REFUSED_STREAM, Code.UNAVAILABLE),
        (ErrorCodes.CANCEL, Code.CANCELLED),
        (ErrorCodes.ENHANCE_YOUR_CALM, Code.RESOURCE_EXHAUSTED),
        (ErrorCodes.INADEQUATE_SECURITY, Code.PERMISSION_DENIED),
        (ErrorCodes.INTERNAL_ERROR, Code.INTERNAL),
        (ErrorCodes.NO_ERROR, Code.INTERNAL),
    ],
)
def test_a_reset_stream(reset: ErrorCodes, code: Code) -> None:
    found = asked(Http2Server(lambda http, number: http.reset_stream(number, reset)))
    assert told(found) == (code, f"it reset the stream, error {reset:d}")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (framed(b"zip", 1), (Code.INTERNAL, "it sent a compressed message")),
        (
            struct.pack(">BI", 0, 2**32 - 1),
            (Code.RESOURCE_EXHAUSTED, "it sent a message of 4294967295 bytes"),
        ),
    ],
)
def test_a_message_that_is_not_taken(data: bytes, expected: tuple[Code, str]) -> None:
    assert told(asked(Http2Server(partial(answer, data=(data,))))) == expected


# Ends.


def test_a_server_that_ends_the_connection_ends_all_calls() -> None:
    with (
        Http2Server(lambda http, _: http.close_connection()) as server,
        connected(server.target) as calls,
    ):
        for _ in range(2):
            found = begun(calls).get(timeout=WAIT)
            assert told(found) == (Code.UNAVAILABLE, "it ended the connection")


@pytest.mark.parametrize("size", [1, 2**16])
def test_an_answer_before_a_goodbye_counts(size: int) -> None:
    """The answer comes in one read with the goodbye, and another frame after that."""

    def answer_and_end(http: H2Connection, number: int) -> bytes:
        message = framed(bytes(size))
        frames = [message[at : at + 2**14] for at in range(0, len(message), 2**14)]
        answer(http, number, data=tuple(frames))
        return GoAwayFrame(0, number).serialize() + PingFrame(0, bytes(8)).serialize()

    with Http2Server(answer_and_end) as server, connected(server.target) as calls:
        found = begun(calls).get(timeout=WAIT)
        assert (found.message, *told(found)) == (bytes(size), Code.OK, "")
        assert told(begun(calls).get(timeout=WAIT)) == (
            Code.UNAVAILABLE,
            "it ended the connection",
        )


def test_what_is_no_http2() -> None:
    code, details = told(asked(Http2Server(answer, raw=bytes(900))))
    assert code is Code.UNAVAILABLE
    assert details.startswith("HTTP/2: ")


def test_a_frame_that_is_too_long_ends_the_connection() -> None:
    too_long = (2**14 + 1).to_bytes(3, "big") + bytes(6)
    code, details = told(asked(Http2Server(lambda http, number: too_long)))
    assert code is Code.UNAVAILABLE
    assert details.startswith("HTTP/2: ")


def test_a_server_that_says_goodbye_at_once() -> None:
    code, details = told(asked(Http2Server(answer, raw=b"")))
    assert code is Code.UNAVAILABLE
    assert details in ("Socket closed", "Connection reset by peer")


def test_a_call_too_many_ends_all() -> None:
    def answer_the_first(http: H2Connection, number: int) -> None:
        if number == 1:
            answer(http, number)

    server = Http2Server(answer_the_first, streams=1)
    with server, connected(server.target) as calls:
        assert told(begun(calls).get(timeout=WAIT)) == (Code.OK, "")
        for answers in [begun(calls) for _ in range(2)]:
            code, details = told(answers.get(timeout=WAIT))
            assert (code, "streams" in details) == (Code.UNAVAILABLE, True)


def test_of_a_cancelled_call_nothing_more_comes() -> None:
    served = queue.SimpleQueue[int]()

    def answer_the_first_late(http: H2Connection, number: int) -> None:
        if number > 1:
            answer(http, number, data=(framed(b"second"),))
        served.put(number)

    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    with Http2Server(answer_the_first_late) as server, connected(server.target) as calls:
        number = calls.begin_unary("/some.Service/Method", b"", [], answers.put)
        assert served.get(timeout=WAIT) == number
        for _ in range(2):
            calls.cancel(number)
        assert begun(calls).get(timeout=WAIT).message == b"second"
    assert answers.empty()


# Connecting.


def test_a_socket_of_unix(tmp_path: Path) -> None:
    found = asked(Http2Server(partial(answer, data=(framed(b"here"),)), path=tmp_path / "lnd"))
    assert found.message == b"here"


def test_each_address_of_a_host_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as place, Http2Server(answer) as server:
        place.bind(("127.0.0.1", 0))
        host, _, port = server.target.partition(":")
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", address)
            for address in (place.getsockname(), (host, int(port)))
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        with connected(f"localhost:{port}") as calls:
            assert told(begun(calls).get(timeout=WAIT)) == (Code.OK, "")


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with connected("node.example:1") as calls:
        assert told(begun(calls).get(timeout=WAIT)) == (
            Code.UNAVAILABLE,
            "Name or service not known",
        )


def test_a_look_up_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> list[object]:
        asked.set()
        assert over.wait(timeout=WAIT)
        return []

    asked, over = threading.Event(), threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with connected("node.example:1") as calls:
        answers = begun(calls)
        assert asked.wait(timeout=WAIT)
        calls.close()
        assert told(answers.get(timeout=WAIT)) == (Code.UNAVAILABLE, "closed")
    over.set()


@pytest.fixture
def full() -> Iterator[str]:
    """A listener with a full queue: a connection is neither made nor refused."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        sockets.enter_context(socket.create_connection(address, timeout=WAIT))
        yield f"127.0.0.1:{address[1]}"


def test_a_host_that_takes_no_connection(full: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_CONNECT_SECONDS", 0.01)
    with connected(full) as calls:
        assert told(begun(calls).get(timeout=WAIT)) == (
            Code.UNAVAILABLE,
            "it takes no connection",
        )


def test_connecting_can_be_ended(full: str) -> None:
    with connected(full) as calls:
        answers = begun(calls)
        calls.close()
        assert told(answers.get(timeout=WAIT)) == (Code.UNAVAILABLE, "closed")
