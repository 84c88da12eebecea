"""The HTTP server: its answers, how they are shared, and the cost of clients."""

from __future__ import annotations

import logging
import queue
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from chanfitness.http.address import AllowedHosts, listen
from chanfitness.http.password import Password
from chanfitness.http.server import HEALTH, MAXIMUM_UNREAD, Server

from ..support.http_clients import (
    LOCAL,
    ask,
    body,
    close,
    connect,
    get,
    rest,
    wait_for_the_loop,
)
from ..support.stores import WAIT

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MEGABYTE = 1 << 20
LARGE = 16 * MEGABYTE
"""More bytes than the kernel buffers for a client that does not read."""


def request(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


class Page:
    """An application that answers with the number of its calls, or with a given answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.compute: Callable[[], bytes] = lambda: str(len(self.asked)).encode()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.asked.append(f"{environ['REQUEST_METHOD']} {environ['QUERY_STRING']}".strip())
        answer = self.compute()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [answer]


def same(_: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    start_response("304 Not Modified", [])
    return []


def broken(_: dict[str, Any], __: StartResponse) -> Iterable[bytes]:
    raise ValueError("broken")


class Gate:
    """Blocks the computation of a page until opened."""

    def __init__(self, page: Page) -> None:
        self._compute, page.compute = page.compute, self._wait
        self._arrivals: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._is_open = threading.Event()

    def _wait(self) -> bytes:
        self._arrivals.put(None)
        assert self._is_open.wait(WAIT)
        return self._compute()

    def reached(self) -> None:
        self._arrivals.get(timeout=WAIT)

    def open(self) -> None:
        self._is_open.set()


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def server(page: Page) -> Iterator[Server]:
    listener = listen(LOCAL)
    hosts = AllowedHosts("127.0.0.1", listener, frozenset())
    paths: dict[str, Any] = {
        "/": page,
        "/\x1b[31m": page,
        "/other": Page(),
        "/same": same,
        "/broken": broken,
    }
    server = Server(listener, paths, hosts)
    yield server
    close(server)


# Answers


def test_each_path_has_its_application(server: Server, page: Page) -> None:
    assert get(server, "/?a=1") == "1"
    assert get(server, "/") == "2"
    assert get(server, "/other") == "1"
    assert page.asked == ["GET a=1", "GET"]


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("/", {}, 200),
        ("/other", {}, 200),
        ("/nowhere", {}, 404),
        ("/", {"method": "POST"}, 405),
        ("/", {"Host": "evil.example"}, 421),
        ("/broken", {}, 500),
        ("/same", {}, 304),
    ],
)
def test_every_answer_forbids_caching_and_sniffing(
    path: str, options: dict[str, str], status: int, server: Server
) -> None:
    response, _ = ask(server, path, **options)
    assert response.status == status
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"
    assert ("Content-Length" in response.headers) == (status != 304)


def test_all_paths_but_the_health_check_need_the_password(page: Page) -> None:
    listener = listen(LOCAL)
    hosts = AllowedHosts("127.0.0.1", listener, frozenset())
    server = Server(listener, {"/": page, HEALTH: page}, hosts, Password("sesame"))
    try:
        for path, method in (("/", "GET"), ("/", "POST"), ("/nowhere", "GET")):
            response, text = ask(server, path, method=method)
            assert (response.status, text) == (401, "401 Unauthorized\n")
            assert response.headers["WWW-Authenticate"].startswith('Basic realm="chanfitness"')
        assert page.asked == []
        assert get(server, HEALTH) == "1"
        assert get(server, "/", Authorization="Basic OnNlc2FtZQ==") == "2"
        response, _ = ask(server, HEALTH, Host="evil.example")
        assert response.status == 421
    finally:
        close(server)


@pytest.mark.parametrize("path", ["/metrics", "/other/", "/Other", "/%00", "/../", "*"])
def test_other_paths_are_not_found(server: Server, page: Page, path: str) -> None:
    response, text = ask(server, path)
    assert (response.status, text) == (404, "404 Not Found\n")
    assert page.asked == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "FOO"])
def test_other_methods_are_refused(server: Server, page: Page, method: str) -> None:
    response, _ = ask(server, "/", method=method)
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")
    assert page.asked == []


def test_head_has_the_length_without_the_body(server: Server, page: Page) -> None:
    response, text = ask(server, "/", method="HEAD")
    assert (response.status, text, response.headers["Content-Length"]) == (200, "", "1")
    assert page.asked == ["GET"]


def test_an_empty_body_is_an_answer(server: Server, page: Page) -> None:
    page.compute = bytes
    assert get(server, "/") == ""


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("wish", ["keep-alive", "close"])
def test_a_connection_carries_one_request(
    server: Server, page: Page, version: str, wish: str
) -> None:
    text = f"GET / HTTP/{version}\r\nHost: localhost\r\nConnection: {wish}\r\n\r\n"
    head, _, answer = rest(connect(server, text.encode() * 100)).partition(b"\r\n\r\n")
    assert answer == b"1"
    assert b"\r\nConnection: close\r\n" in head
    assert page.asked == ["GET"]


def test_answers_name_only_chanfitness_as_their_server(server: Server) -> None:
    for sent in (
        request("/"),
        request("/nowhere"),
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n:\r\n\r\n",
    ):
        answer = rest(connect(server, sent)).lower()
        assert b"\r\nserver: chanfitness\r\n" in answer
        assert b"waitress" not in answer
        assert b"python" not in answer


@pytest.mark.parametrize(
    "fault", [KeyError("\x1b[31m"), OSError("\x1b[31m"), SystemExit("\x1b[31m")]
)
def test_an_error_of_an_application_is_logged_and_the_next_request_answered(
    server: Server, page: Page, fault: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> bytes:
        raise fault

    page.compute, compute = fail, page.compute
    response, text = ask(server, "/")
    assert (response.status, text) == (500, "500 Internal Server Error\n")
    page.compute = compute
    assert get(server, "/") == "2"
    assert caplog.messages == [rf"could not answer a client: {type(fault).__name__}('\x1b[31m')"]


# Shared answers


def test_equal_queued_requests_share_an_answer(server: Server, page: Page) -> None:
    gate = Gate(page)
    first = connect(server, request("/"))
    gate.reached()
    waiting = [connect(server, request("/")) for _ in range(50)]
    head = connect(server, request("/").replace(b"GET", b"HEAD"))
    wait_for_the_loop(server)
    gate.open()
    assert body(first) == b"1"
    assert [body(client) for client in waiting] == [b"2"] * 50
    assert body(head) == b""
    assert page.asked == ["GET"] * 2


def test_answers_are_never_older_than_the_request(server: Server, page: Page) -> None:
    gate = Gate(page)
    first = connect(server, request("/"))
    gate.reached()
    late = connect(server, request("/"))
    wait_for_the_loop(server)
    gate.open()
    assert (body(first), body(late)) == (b"1", b"2")
    assert get(server, "/") == "3"


def test_different_requests_share_nothing(server: Server, page: Page) -> None:
    gate = Gate(page)
    first = connect(server, request("/"))
    gate.reached()
    different = [
        request("/"),
        request("/?a"),
        request("/?b"),
        request("/", "Accept: text/plain"),
        request("/", "Accept-Encoding: gzip"),
        request("/other"),
    ]
    assert len(different) > MAXIMUM_UNREAD
    waiting = [connect(server, each) for each in [*different, different[-2]]]
    wait_for_the_loop(server)
    gate.open()
    assert body(first) == b"1"
    assert [body(client) for client in waiting] == [b"2", b"3", b"4", b"5", b"6", b"1", b"6"]


# The cost of clients


def test_half_requests_cost_no_threads_and_no_answers(server: Server, page: Page) -> None:
    threads = threading.active_count()
    clients = [connect(server, b"GET /met") for _ in range(200)]
    wait_for_the_loop(server)
    assert get(server, "/") == "1"
    assert threading.active_count() <= threads
    close(server)
    assert [rest(client) for client in clients] == [b""] * 200
    assert page.asked == ["GET"]


def test_a_shared_unread_answer_is_kept_once(server: Server, page: Page) -> None:
    page.compute = lambda: bytes(LARGE)
    gate = Gate(page)
    first = connect(server, request("/"))
    gate.reached()
    clients = [connect(server, request("/"), receives=4096) for _ in range(20)]
    wait_for_the_loop(server)
    tracemalloc.start()
    try:
        gate.open()
        assert len(body(first)) == LARGE
        for client in clients:
            client.recv(1)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 2 * LARGE
    assert rest(clients.pop()).endswith(bytes(LARGE))
    for client in clients:
        client.close()


def test_only_the_last_unread_answers_are_kept(server: Server, page: Page) -> None:
    page.compute = lambda: bytes(LARGE)
    tracemalloc.start()
    try:
        clients = []
        for _ in range(4 * MAXIMUM_UNREAD):
            clients.append(connect(server, request("/"), receives=4096))
            clients[-1].recv(1)
        wait_for_the_loop(server)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < (MAXIMUM_UNREAD + 1) * LARGE
    wholes = [rest(client).endswith(bytes(LARGE)) for client in clients]
    assert wholes == [False] * 3 * MAXIMUM_UNREAD + [True] * MAXIMUM_UNREAD


# Logging


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n",
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET //[ HTTP/1.0\r\n\r\n",
        b"GET http://[ HTTP/1.0\r\n\r\n",
        b"GET /?%ff=%00&name[]=%1b HTTP/1.0\r\n\r\n",
        b"get /\x1b HTTP/1.1\r\n\x1b\r\n\r\n",
        b"POST / HTTP/1.0\r\nContent-Length: 1000000000\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nContent-Length: \x1b\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: \x1b\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\x1b\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
        b"GET / HTTP/1.0\r\n" + b"a" * 100_000,
        b"GET / HTTP/1.0\r\nHost: \x1b[31m\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: " + b"a" * 5000 + b"\r\n\r\n",
    ],
)
def test_no_request_stops_the_server_or_writes_to_the_terminal(
    server: Server,
    sent: bytes,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    client = connect(server)
    try:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
    except OSError:  # the server may close before it has received everything
        pass
    rest(client)
    assert get(server, "/other") == "1"
    assert capfd.readouterr() == ("", "")
    assert {each.levelname for each in caplog.records} <= {"DEBUG"}
    assert len(caplog.text) < 1000
    assert caplog.text.replace("\n", "").isprintable()


def test_a_client_that_went_away_is_logged_escaped_at_debug_level(
    server: Server, page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gate = Gate(page)
    client = connect(server, request("/%1b[31m"))
    gate.reached()
    close(server)
    assert rest(client) == b""
    (worker,) = [each for each in threading.enumerate() if each.name == "chanfitness-http-worker"]
    gate.open()
    worker.join(WAIT)
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [
        ("DEBUG", "waitress, about a connection: 'Client disconnected while serving /\\x1b[31m'")
    ]
