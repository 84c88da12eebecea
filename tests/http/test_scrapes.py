"""The exporter's server: allowed clients, and the cost of many clients."""

from __future__ import annotations

import logging
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from chanfitness import ChannelEventStore, Overview
from chanfitness.exporter import Server, serve
from chanfitness.http.connections import Loop
from chanfitness.testing import FakeNode

from ..support.http_clients import (
    LOCAL,
    REQUEST,
    ask,
    body,
    close,
    connect,
    get,
    rest,
    wait_for_the_loop,
)
from ..support.stores import WAIT, Hold, call_together
from ..test_processes import run
from .test_address import needs_ipv6

OPEN_METRICS = "application/openmetrics-text"


class CountingStore(ChannelEventStore):
    """A store that counts its overviews."""

    scrapes = 0

    def get_overview(self, *, timeout: float | None = None) -> Overview:
        self.scrapes += 1
        return super().get_overview(timeout=timeout)


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


@pytest.mark.parametrize("path", ["/metrics", "/", "/?debug=1"])
def test_a_scrape_gets_the_figures(server: Server, path: str) -> None:
    assert "\nchanfitness_up 1.0\n" in get(server, path)


def test_a_scrape_may_select_families_and_the_format(server: Server) -> None:
    text = get(server, "/metrics?name[]=chanfitness_up", Accept=OPEN_METRICS)
    assert [line for line in text.splitlines() if line[0] != "#"] == ["chanfitness_up 1.0"]
    assert text.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("accepted", "kind"),
    [
        ("", "text/plain; version=0.0.4"),
        ("text/plain; version=1.0.0; escaping=\xff", "text/plain; version=0.0.4"),
        (f"{OPEN_METRICS}; version=1.0.0, */*;q=0.1", OPEN_METRICS),
        (f"{OPEN_METRICS}; version=x.\xff", OPEN_METRICS),
        (f"{OPEN_METRICS}; version={'9' * 5000}", OPEN_METRICS),
    ],
    ids=["none", "escaping", "both", "no version", "long version"],
)
def test_any_accept_header_gets_one_of_two_formats_without_logging(
    server: Server, accepted: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    response, text = ask(server, Accept=accepted)
    assert response.status == 200
    assert response.headers["Content-Type"].startswith(kind)
    assert "\nchanfitness_up 1.0\n" in text
    assert caplog.text == ""


def test_other_paths_have_no_figures(server: Server) -> None:
    response, text = ask(server, "/favicon.ico")
    assert (response.status, text) == (404, "404 Not Found\n")


def test_metrics_have_the_name_of_the_node(node: FakeNode) -> None:
    with serve(node.store, LOCAL, node="alice") as server:
        assert '\nchanfitness_up{node="alice"} 1.0\n' in get(server)


@needs_ipv6
def test_an_ipv6_address_is_served(node: FakeNode) -> None:
    with serve(node.store, ("::1", 0)) as server:
        assert "chanfitness_up 1.0" in get(server, address="::1")


# The requested host


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9789", "[::1]", "node.example:9789"])
def test_an_allowed_host_gets_the_figures(node: FakeNode, host: str) -> None:
    with serve(node.store, LOCAL, allowed_hosts=["node.example"]) as server:
        assert "chanfitness_up 1.0" in get(server, Host=host)


@pytest.mark.parametrize("host", ["", "evil.example", "evil.example:9789", "192.0.2.1", "\xff[31m"])
def test_a_foreign_host_gets_no_figures(
    server: Server, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A page that resolved its own name to this machine sends such a host."""
    caplog.set_level(logging.DEBUG)
    for path in ("/metrics", "/", "/nowhere"):
        response, text = ask(server, path, Host=host)
        assert (response.status, "chanfitness" in text) == (421, False)
    assert set(caplog.messages) == {f"refused a request for the host {host!a}"}
    assert {each.levelname for each in caplog.records} == {"DEBUG"}


def test_two_hosts_are_refused(server: Server) -> None:
    two = REQUEST.replace(b"Host: localhost\r\n", b"Host: localhost\r\nHost: localhost\r\n")
    assert rest(connect(server, two)).startswith(b"HTTP/1.1 421 ")


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_request_without_a_host_gets_the_figures(server: Server, version: str) -> None:
    assert b"chanfitness_up 1.0" in rest(connect(server, f"GET / HTTP/{version}\r\n\r\n".encode()))


def test_nothing_listens_after_a_bad_host_or_address(node: FakeNode) -> None:
    with pytest.raises(ValueError, match="bad host 'a b'"):
        serve(node.store, LOCAL, allowed_hosts=["a b"])
    address: Any = "127.0.0.1:0"
    with pytest.raises(TypeError, match=r"bad address '127.0.0.1:0': .*parse_address"):
        serve(node.store, address)


# Many clients


def test_a_flood_of_half_requests_costs_no_threads_and_no_scrapes() -> None:
    node = FakeNode()
    for _ in range(100):
        node.open_channel(node.new_peer(online=True))
    threads = threading.active_count()
    with CountingStore(node.config) as store, serve(store, LOCAL) as server:
        clients = [connect(server, b"GET /met") for _ in range(200)]
        wait_for_the_loop(server)
        assert store.scrapes == 0
        assert get(server).count("\nchanfitness_peer_flaps{") == 100
        assert threading.active_count() == threads + 3  # one of the store, two of the server
        close(server)
        assert [rest(client) for client in clients] == [b""] * 200
        assert store.scrapes == 1


def test_a_flood_of_complete_requests_costs_two_scrapes_and_the_memory_of_one_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds, readable = Counter[str](), Loop.readable

    def counted(loop: Loop) -> bool:  # called once per iteration of the loop
        rounds["all"] += 1
        return readable(loop)

    monkeypatch.setattr(Loop, "readable", counted)
    node = FakeNode()
    for _ in range(500):
        node.open_channel(node.new_peer(online=True))
    with CountingStore(node.config) as store, serve(store, LOCAL) as server:
        alone = len(get(server))
        with Hold("could not handle") as hold:
            node.channel_notifier.send_update("nonsense")
            hold.reached()
            first = connect(server, REQUEST)
            wait_for_the_loop(server)
            tracemalloc.start()
            flood = [connect(server, REQUEST, receives=4096) for _ in range(200)]
            wait_for_the_loop(server)
            waiting, _ = tracemalloc.get_traced_memory()
            hold.release()
        answers = [body(client) for client in [first, flood.pop()]]
        flooded, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert [len(answer) for answer in answers] == [alone] * 2
        assert store.scrapes == 3
        assert flooded - waiting < 10 * alone
        assert rounds["all"] < 20 * 200  # the loop does not spin while the worker answers
        for client in flood:
            client.close()


# The end


def test_closing_frees_the_address(node: FakeNode) -> None:
    server = serve(node.store, LOCAL)
    get(server)
    close(server)
    with pytest.raises(ConnectionRefusedError):
        connect(server)
    with serve(node.store, ("127.0.0.1", server.port)) as again:
        assert again.port == server.port
    assert not [each for each in threading.enumerate() if each.name == "chanfitness-http"]


def test_close_is_thread_safe_and_repeatable(server: Server) -> None:
    call_together(*[server.close] * 8)
    close(server)


@pytest.mark.parametrize("request_so_far", [b"", b"GET /metr", REQUEST[:-2]])
def test_close_cuts_off_waiting_clients(server: Server, request_so_far: bytes) -> None:
    client = connect(server, request_so_far)
    get(server)  # returns after the earlier client was accepted
    close(server)
    assert rest(client) == b""


def test_close_does_not_wait_for_a_scrape(node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, get_overview = threading.Event(), node.store.get_overview

    def ask(*, timeout: float | None) -> Overview:
        asked.set()
        return get_overview(timeout=timeout)

    monkeypatch.setattr(node.store, "get_overview", ask)
    server = serve(node.store, LOCAL)
    with Hold("could not handle") as hold:
        node.channel_notifier.send_update("nonsense")
        hold.reached()
        client = connect(server, REQUEST)
        assert asked.wait(WAIT)
        close(server)
        assert rest(client) == b""
        (worker,) = [
            each for each in threading.enumerate() if each.name == "chanfitness-http-worker"
        ]
        hold.release()
        worker.join(WAIT)
    assert not worker.is_alive()


@pytest.mark.parametrize("request_so_far", [b"", b"GET /metr", REQUEST])
def test_a_script_without_close_still_exits(request_so_far: bytes) -> None:
    printed = run(
        f"""
        import socket
        from chanfitness import exporter
        from chanfitness.testing import FakeNode

        node = FakeNode()
        node.store.start()
        server = exporter.serve(node.store, ("127.0.0.1", 0))
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall({request_so_far!r})
        print("the end")
        client.close()
        """
    )
    assert printed == "the end\n"
