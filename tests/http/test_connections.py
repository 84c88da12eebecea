"""Connections that are cut off: the oldest of too many, and idle ones."""

from __future__ import annotations

import errno
import logging
import os
import queue
import resource
import select
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from freezegun import freeze_time

from chanfitness.http import connections
from chanfitness.http.address import AllowedHosts, listen
from chanfitness.http.connections import Connection, Loop
from chanfitness.http.server import Server

from ..support.http_clients import (
    LOCAL,
    REQUEST,
    body,
    close,
    connect,
    get,
    rest,
    wait_for_the_loop,
)
from ..support.stores import WAIT, Call, Hold

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LARGE = 16 << 20
"""More bytes than the kernel buffers for a client that does not read."""


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"a page"]


def large_page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [bytes(LARGE)]


class HeldPage:
    """A page whose computation blocks until ``release``."""

    def __init__(self) -> None:
        self._arrivals: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._places: queue.SimpleQueue[None] = queue.SimpleQueue()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._arrivals.put(None)
        self._places.get(timeout=WAIT)
        return page(environ, start_response)

    def reached(self) -> None:
        self._arrivals.get(timeout=WAIT)

    def release(self) -> None:
        self._places.put(None)


MakeServer = Callable[..., Server]


@pytest.fixture
def make_server() -> Iterator[MakeServer]:
    with ExitStack() as at_end:

        def make(listener: socket.socket | None = None, **applications: Any) -> Server:
            listener = listener or listen(LOCAL)
            by_path = {f"/{name}": each for name, each in applications.items()}
            hosts = AllowedHosts("127.0.0.1", listener, frozenset())
            server = Server(listener, {"/metrics": page, **by_path}, hosts)
            at_end.callback(close, server)
            return server

        yield make


# Too many


def test_the_oldest_of_too_many_half_requests_is_cut_off(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAXIMUM_CLIENTS", 3)
    server = make_server()
    oldest, *others = [connect(server, REQUEST[:9]) for _ in range(3)]
    assert get(server) == "a page"
    assert rest(oldest) == b""
    for client in others:
        client.sendall(REQUEST[9:])
        assert body(client) == b"a page"


def test_complete_requests_are_not_cut_off_for_half_ones(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAXIMUM_CLIENTS", 3)
    held = HeldPage()
    server = make_server(held=held)
    first = connect(server, REQUEST.replace(b"metrics", b"held"))
    held.reached()
    second = connect(server, REQUEST)
    halves = [connect(server, REQUEST[:9]) for _ in range(10)]
    wait_for_the_loop(server)
    held.release()
    assert (body(first), body(second)) == (b"a page", b"a page")
    assert [rest(half) for half in halves] == [b""] * 10


def test_the_oldest_of_complete_requests_is_cut_off(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAXIMUM_CLIENTS", 3)
    held = HeldPage()
    server = make_server(held=held)
    clients = [connect(server, REQUEST.replace(b"metrics", b"held"))]
    held.reached()
    clients += [connect(server, REQUEST) for _ in range(3)]
    wait_for_the_loop(server)  # connects two more clients, one after the other
    held.release()
    assert [rest(client) == b"" for client in clients] == [True, True, False, False]


@pytest.mark.parametrize(
    ("files", "maximum"), [(resource.RLIM_INFINITY, 256), (100_000, 256), (12, 3), (3, 1)]
)
def test_clients_use_at_most_a_quarter_of_the_files(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch, files: int, maximum: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    server = make_server()
    oldest = connect(server)
    clients = [connect(server) for _ in range(maximum - 1)]
    oldest.sendall(REQUEST)
    assert body(oldest) == b"a page"
    clients.append(connect(server))
    clients.append(connect(server, REQUEST))
    assert body(clients.pop()) == b"a page"
    assert rest(clients.pop(0)) == b""
    for client in clients:
        client.close()


# No file left


class FailingListener(socket.socket):
    """A listener that raises each of its errors once, in successive calls of accept."""

    errors: list[Exception]

    def accept(self) -> tuple[socket.socket, Any]:
        if self.errors:
            raise self.errors.pop()
        return super().accept()


def failing_listener(*errors: Exception) -> FailingListener:
    listener = FailingListener(fileno=listen(LOCAL).detach())
    listener.errors = list(errors)
    return listener


NO_FILE_LEFT = OSError(errno.EMFILE, "Too many open files")


@pytest.mark.parametrize(
    "error",
    [BlockingIOError(errno.EAGAIN, ""), OSError(errno.ECONNABORTED, ""), OSError(errno.EPROTO, "")],
)
def test_a_client_gone_before_its_accept_is_not_logged(
    make_server: MakeServer, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = make_server(failing_listener(error))
    assert get(server) == "a page"
    assert caplog.text == ""


def test_without_free_files_the_next_client_waits(
    make_server: MakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server = make_server(failing_listener(NO_FILE_LEFT))
    assert get(server) == "a page"
    assert caplog.messages == [
        "cannot accept clients, trying again soon: OSError(24, 'Too many open files')"
    ]


def test_without_free_files_the_oldest_client_is_closed(
    make_server: MakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    listener = failing_listener()
    server = make_server(listener)
    oldest, younger = connect(server, REQUEST[:9]), connect(server, REQUEST[:9])
    wait_for_the_loop(server)
    listener.errors = [NO_FILE_LEFT]
    assert get(server) == "a page"
    assert rest(oldest) == b""
    younger.sendall(REQUEST[9:])
    assert body(younger) == b"a page"
    assert caplog.text == ""


def test_a_close_does_not_wait_for_a_file(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BACK_OFF_SECONDS", 10 * WAIT)
    server = make_server(failing_listener(NO_FILE_LEFT))
    with Hold("cannot accept") as hold:
        client = connect(server, REQUEST)
        hold.reached()
    close(server)
    assert rest(client) == b""


# Idle and hostile clients

LONG = 3600.0
"""Seconds; more than CLIENT_SECONDS, because freezegun does not freeze the worker's time."""


@pytest.mark.parametrize("sent", [b"", b"GET /metr", REQUEST[:-2]])
def test_a_silent_client_is_cut_off(make_server: MakeServer, sent: bytes) -> None:
    server = make_server()
    with freeze_time() as frozen:
        silent = connect(server, sent)
        wait_for_the_loop(server)
        frozen.tick(connections.CLIENT_SECONDS)
        late = connect(server, sent)
        wait_for_the_loop(server)
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.recv(1)
        silent.settimeout(WAIT)
        frozen.tick(1)
        wait_for_the_loop(server)
        late.sendall(REQUEST[len(sent) :])
        assert body(late) == b"a page"
    assert rest(silent) == b""


def test_a_client_that_does_not_read_is_cut_off(make_server: MakeServer) -> None:
    server = make_server(large=large_page)
    with freeze_time() as frozen:
        client = connect(server, REQUEST.replace(b"metrics", b"large"), receives=4096)
        client.recv(1)
        get(server)  # returns after the worker has served the client
        frozen.tick(LONG)
        wait_for_the_loop(server)
    assert len(rest(client)) < LARGE


def test_a_client_that_waits_for_its_answer_is_not_cut_off(make_server: MakeServer) -> None:
    held = HeldPage()
    server = make_server(held=held)
    with freeze_time() as frozen:
        client = connect(server, REQUEST.replace(b"metrics", b"held"))
        held.reached()
        frozen.tick(LONG)
        wait_for_the_loop(server)
    held.release()
    assert body(client) == b"a page"


def test_a_client_that_sends_urgent_data_is_cut_off(make_server: MakeServer) -> None:
    server = make_server()
    client = connect(server, REQUEST[:9])
    client.send(b"x", socket.MSG_OOB)
    assert rest(client) == b""
    assert get(server) == "a page"


# The end


def test_an_ended_loop_writes_to_no_other_file() -> None:
    """Its file number is free by then, and is given to the next file that is opened."""
    requests: queue.SimpleQueue[Connection | None] = queue.SimpleQueue()
    loop = Loop(page, listen(LOCAL), requests)
    running = Call(loop.run)
    loop.stop()
    running.result()
    pipes = [os.pipe() for _ in range(4)]
    loop.pull_trigger()
    loop.stop()
    assert select.select([reader for reader, _ in pipes], [], [], 0) == ([], [], [])
    for pipe in pipes:
        for end in pipe:
            os.close(end)
