"""The server of scrapes: no client blocks another, or the end, or says a word in the log."""

from __future__ import annotations

import errno
import http.client
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from chanfitness import exporter as scrapes
from chanfitness.exporter import Server, listen, serve
from chanfitness.testing import FakeNode

from .support.stores import WAIT, Call, Hold, call_together
from .test_processes import run

LOCAL = ("127.0.0.1", 0)
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def node() -> Iterator[FakeNode]:
    with FakeNode() as node:
        node.open_channel(node.new_peer(online=True))
        yield node


@pytest.fixture
def server(node: FakeNode) -> Iterator[Server]:
    server = serve(node.store, LOCAL)
    yield server
    close(server)


def close(server: Server) -> None:
    """Close ``server``, and fail rather than wait for good."""
    Call(server.close).result()


def get(server: Server, path: str = "/metrics", host: str = "127.0.0.1", **headers: str) -> str:
    """What a scrape gets."""
    connection = http.client.HTTPConnection(host, server.port, timeout=WAIT)
    with closing(connection):
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        assert response.status == 200
        return response.read().decode()


def connect(server: Server, request: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=WAIT)
    client.sendall(request)
    return client


def rest(client: socket.socket) -> bytes:
    """All that the client gets until it is cut off."""
    with client:
        received = b""
        try:
            while data := client.recv(65536):
                received += data
        except ConnectionError:
            pass
        return received


@pytest.mark.parametrize("path", ["/metrics", "/", "/?debug=1"])
def test_a_scrape_gets_the_figures(server: Server, path: str) -> None:
    assert "\nchanfitness_up 1.0\n" in get(server, path)


def test_a_scrape_may_ask_for_one_family_and_for_the_other_format(server: Server) -> None:
    text = get(server, "/metrics?name[]=chanfitness_up", Accept="application/openmetrics-text")
    assert [line for line in text.splitlines() if line[0] != "#"] == ["chanfitness_up 1.0"]
    assert text.endswith("# EOF\n")


def test_the_node_has_its_name(node: FakeNode) -> None:
    with serve(node.store, LOCAL, node="alice") as server:
        assert '\nchanfitness_up{node="alice"} 1.0\n' in get(server)


def test_only_the_given_address_is_listened_on(server: Server) -> None:
    with pytest.raises(OSError):  # noqa: PT011
        socket.create_connection(("127.0.0.2", server.port), timeout=WAIT)


def test_an_ipv6_address_is_listened_on(node: FakeNode) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serve(node.store, ("::1", 0)) as server:
        assert "chanfitness_up 1.0" in get(server, host="::1")
        with pytest.raises(OSError, match=rf"cannot listen on \[::1\]:{server.port}: "):
            serve(node.store, ("::1", server.port))


def test_an_address_in_use_is_named(node: FakeNode, server: Server) -> None:
    with pytest.raises(OSError, match="cannot listen") as caught:
        serve(node.store, ("127.0.0.1", server.port))
    assert caught.value.errno == errno.EADDRINUSE
    assert caught.value.strerror == (
        f"cannot listen on 127.0.0.1:{server.port}: Address already in use"
    )
    assert "chanfitness_up 1.0" in get(server)


def test_a_host_that_is_not_known_is_named(node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(OSError, match="cannot listen on nowhere:1: Name or service not known"):
        serve(node.store, ("nowhere", 1))


def test_the_answer_does_not_say_what_runs_here(server: Server) -> None:
    head, _, _ = rest(connect(server, REQUEST)).partition(b"\r\n\r\n")
    assert b"Server: chanfitness " in head
    assert b"Python" not in head


# The end


def test_after_the_close_nothing_listens_and_the_address_is_free(node: FakeNode) -> None:
    server = serve(node.store, LOCAL)
    get(server)
    close(server)
    with pytest.raises(ConnectionRefusedError):
        connect(server)
    with serve(node.store, ("127.0.0.1", server.port)) as again:
        assert again.port == server.port
    assert not [each for each in threading.enumerate() if each.name == "chanfitness-scrapes"]


def test_many_may_close_at_once_and_again(server: Server) -> None:
    call_together(*[server.close] * 8)
    close(server)


@pytest.mark.parametrize("request_so_far", [b"", b"GET /metr", REQUEST[:-2]])
def test_a_client_that_waits_is_cut_off_by_the_close(server: Server, request_so_far: bytes) -> None:
    client = connect(server, request_so_far)
    get(server)  # so that the client, which came before, is taken
    close(server)
    assert rest(client) == b""


def test_a_scrape_that_waits_for_the_store_does_not_hold_the_close(node: FakeNode) -> None:
    server = serve(node.store, LOCAL)
    with Hold("could not handle") as hold:
        node.channel_notifier.send_update("nonsense")
        hold.reached()
        client = connect(server, REQUEST)
        close(server)
        assert rest(client) == b""
        hold.release()


def test_a_script_that_forgets_the_close_still_exits() -> None:
    printed = run(
        """
        import socket
        from chanfitness import exporter
        from chanfitness.testing import FakeNode

        node = FakeNode()
        node.store.start()
        server = exporter.serve(node.store, ("127.0.0.1", 0))
        client = socket.create_connection(("127.0.0.1", server.port))
        print("the end")
        client.close()
        """
    )
    assert printed == "the end\n"


# Clients that mean no good, or do badly


def test_a_client_that_says_nothing_blocks_nobody(server: Server) -> None:
    with connect(server), connect(server, b"GET /metr"):
        assert "chanfitness_up 1.0" in get(server)


def test_a_client_that_keeps_silent_is_cut_off(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(scrapes._Handler, "timeout", 0.01)
        assert rest(connect(server)) == b""
        assert rest(connect(server, b"GET /metr")) == b""
    assert "chanfitness_up 1.0" in get(server)


def test_the_oldest_of_too_many_clients_is_cut_off(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrapes, "MAXIMUM_CLIENTS", 3)
    oldest, *others = [connect(server) for _ in range(3)]
    assert "chanfitness_up 1.0" in get(server)
    assert rest(oldest) == b""
    for client in others:
        client.sendall(REQUEST)
        assert b"chanfitness_up 1.0" in rest(client)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        b"GET\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"GET //[ HTTP/1.0\r\n\r\n",
        b"GET /?%ff=%00&name[]=%1b HTTP/1.0\r\n\r\n",
        b"POST / HTTP/1.0\r\nContent-Length: 1000000000\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.0\r\nAccept: application/openmetrics-text; version=x.\x1b\r\n\r\n",
        b"GET / HTTP/1.0\r\nAccept: text/plain; version=" + b"9" * 5000 + b"\r\n\r\n",
    ],
)
def test_no_request_stops_the_server_or_is_printed(
    server: Server,
    request_bytes: bytes,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    client = connect(server)
    with suppress(OSError):  # the server may not want to hear all of it
        client.sendall(request_bytes)
        client.shutdown(socket.SHUT_WR)
    rest(client)
    assert "chanfitness_up 1.0" in get(server)
    assert capfd.readouterr() == ("", "")
    assert len(caplog.text) < 1000
    assert caplog.text.replace("\n", "").isprintable()


def test_what_goes_wrong_is_logged_and_the_next_scrape_is_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faults = [ConnectionResetError("gone"), KeyError("\x1b[31m")]

    class Failing:
        def collect(self) -> list[Metric]:
            if faults:
                raise faults.pop()
            return []

    caplog.set_level(logging.DEBUG, "chanfitness.exporter")
    registry = CollectorRegistry()
    registry.register(Failing())
    server = Server(listen(*LOCAL), registry)
    assert rest(connect(server, REQUEST)) == b""
    assert rest(connect(server, REQUEST)) == b""
    assert get(server) == ""
    close(server)
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [
        ("WARNING", r"could not answer a client: KeyError('\x1b[31m')"),
        ("DEBUG", "a client was cut off: ConnectionResetError('gone')"),
    ]


class FailingListener(socket.socket):
    """Raises one of its errors at each accept, until there is none left."""

    errors: list[Exception]

    def accept(self) -> tuple[socket.socket, Any]:
        if self.errors:
            raise self.errors.pop()
        return super().accept()


def failing_server(*errors: Exception) -> Server:
    listener = FailingListener(fileno=listen(*LOCAL).detach())
    listener.errors = list(errors)
    return Server(listener, CollectorRegistry())


@pytest.mark.parametrize("error", [BlockingIOError(), ConnectionAbortedError()])
def test_a_client_that_went_before_it_was_taken_is_not_spoken_of(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    server = failing_server(error)
    assert get(server) == ""
    close(server)
    assert caplog.text == ""


def test_when_no_file_is_left_the_next_client_has_to_wait(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrapes, "BACK_OFF_SECONDS", 0.01)
    server = failing_server(*[OSError(errno.EMFILE, "Too many open files")] * 3)
    assert get(server) == ""
    close(server)
    assert caplog.messages == ["could not take a client: OSError(24, 'Too many open files')"] * 3


def test_a_close_does_not_wait_for_a_file(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrapes, "BACK_OFF_SECONDS", 10 * WAIT)
    server = failing_server(OSError(errno.EMFILE, "Too many open files"))
    with Hold("could not take") as hold:
        client = connect(server, REQUEST)
        hold.reached()
    close(server)
    assert rest(client) == b""


def test_when_no_thread_is_left_the_client_is_cut_off(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    start: Callable[[threading.Thread], None] = threading.Thread.start
    faults = [RuntimeError("can't start new thread")]

    def start_or_fail(thread: threading.Thread) -> None:
        if thread.name == "chanfitness-scrape" and faults:
            raise faults.pop()
        start(thread)

    monkeypatch.setattr(scrapes, "BACK_OFF_SECONDS", 0.01)
    monkeypatch.setattr(threading.Thread, "start", start_or_fail)
    assert rest(connect(server, REQUEST)) == b""
    assert "chanfitness_up 1.0" in get(server)
    assert caplog.messages == [
        """could not take a client: RuntimeError("can't start new thread")"""
    ]
