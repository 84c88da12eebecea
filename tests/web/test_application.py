"""The WSGI applications of a running store, and their queries to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from chanfitness import ChannelEventStore
from chanfitness.http.password import Password
from chanfitness.testing import FakeNode
from chanfitness.web import application, snapshots
from chanfitness.web.application import applications, serve
from chanfitness.web.page import page_html, page_policy

from ..support.http_clients import LOCAL, ask, close, get
from ..support.nodes_with_channels import channels_of
from ..support.persistent_stores import DAY
from ..support.stores import running
from ..test_exporter import CountingStore

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Answer(NamedTuple):
    status: str
    headers: dict[str, str]
    body: bytes


class Clock:
    """A clock whose seconds a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Site:
    """The applications of a store, called without a server."""

    def __init__(self, store: ChannelEventStore) -> None:
        self.clock = Clock()
        self._applications = applications(store, title="Here", clock=self.clock)

    def get(self, path: str = "/", **headers: str) -> Answer:
        started: list[Any] = []
        environ: WSGIEnvironment = {f"HTTP_{name}": value for name, value in headers.items()}
        environ |= {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": ""}
        parts: Iterable[bytes] = self._applications[path](
            environ,
            lambda *arguments: started.append(arguments),  # type: ignore[arg-type]
        )
        ((status, headers_sent),) = started
        return Answer(status, dict(headers_sent), b"".join(parts))

    def page(self) -> str:
        return self.get().body.decode()

    def wait(self, seconds: float = 1) -> None:
        self.clock.now += seconds


@pytest.fixture
def node() -> FakeNode:
    """A node with three online peers with a channel each."""
    node = FakeNode(history=90 * DAY)
    for _ in range(3):
        node.open_channel(node.new_peer(online=True))
    return node


@pytest.fixture
def store(node: FakeNode) -> Iterator[CountingStore]:
    with running(CountingStore(node.config)) as store:
        for alias, (_, peer) in zip(
            ("ACINQ", "Bob's <node>", "carol"), channels_of(node), strict=True
        ):
            node.describe_peer(peer, alias=alias)
        yield store


@pytest.fixture
def site(store: CountingStore) -> Site:
    return Site(store)


def test_the_page_shows_the_running_store(site: Site, node: FakeNode) -> None:
    node.advance(hours=1)
    node.peer_offline(node.new_peer(online=True))
    page = site.get()
    text = page.body.decode()
    assert page.status == "200 OK"
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "3 of 3 peers online" in text
    assert "Bob&#39;s &lt;node&gt;" in text
    assert "<title>Here</title>" in text
    assert page.headers["Content-Security-Policy"] == (
        f"{page_policy(live=True)}; frame-ancestors 'none'"
    )
    assert page_policy(live=True).replace("'", "&#39;") in text
    assert "connect-src 'self'" in page_policy(live=True)
    assert "connect-src" not in page_policy()


def test_a_current_copy_gets_not_modified(site: Site, node: FakeNode) -> None:
    tag = site.get().headers["ETag"]
    site.wait()
    same = site.get(IF_NONE_MATCH=tag)
    assert (same.status, same.body, same.headers["ETag"]) == ("304 Not Modified", b"", tag)
    node.peer_offline(node.new_peer(online=True))
    node.peer_offline(channels_of(node)[0].peer)
    site.wait()
    other = site.get(IF_NONE_MATCH=tag)
    assert (other.status, other.headers["ETag"] != tag) == ("200 OK", True)
    assert f"{other.headers['ETag']}".strip('"') in other.body.decode()
    assert "2 of 3 peers online" in other.body.decode()


def test_events_of_strangers_do_not_change_the_page(site: Site, node: FakeNode) -> None:
    tag = site.get().headers["ETag"]
    node.peer_offline(node.new_peer(online=True))
    site.wait()
    assert site.get(IF_NONE_MATCH=tag).status == "304 Not Modified"


@pytest.mark.parametrize(
    "change",
    [
        lambda node, channel: node.channel_inactive(channel),
        lambda node, channel: node.describe_channel(channel, short_channel_id="1x1x1"),
        lambda node, channel: node.describe_peer(channel.peer, alias="another"),
        lambda node, channel: node.close_channel(channel),
        lambda node, channel: node.open_channel(channel.peer),
        lambda node, channel: (
            node.peer_offline(channel.peer),
            node.advance(seconds=1),
            node.peer_online(channel.peer),
        ),
    ],
)
def test_each_change_of_a_peer_or_channel_changes_the_page(
    change: Any, site: Site, node: FakeNode
) -> None:
    tag = site.get().headers["ETag"]
    change(node, channels_of(node)[0])
    node.advance(seconds=1)
    site.wait()
    assert site.get(IF_NONE_MATCH=tag).status == "200 OK"


def test_the_store_is_queried_once_a_second_for_all_clients(
    site: Site, store: CountingStore, node: FakeNode
) -> None:
    for _ in range(10):
        for _ in range(20):
            assert site.get().status == "200 OK"
            assert site.get("/healthz").body == b"ok\n"
            node.peer_offline(node.new_peer(online=True))
        site.wait()
    assert store.questions == 10


def test_current_figures_cost_at_most_one_more_query(site: Site, store: CountingStore) -> None:
    for _ in range(10):
        for path in ("/", "/api/channels") * 20:
            assert site.get(path).status == "200 OK"
        site.wait()
    assert store.questions == 10


def test_the_json_has_current_figures(site: Site, node: FakeNode) -> None:
    site.get()
    for hours in (1, 2):
        node.advance(hours=1)
        site.wait()
        answer = site.get("/api/channels")
        assert answer.headers["Content-Type"] == "application/json"
        shown = json.loads(answer.body)
        assert list(shown) == ["as_of", "age_seconds", "sees", "more", "channels"]
        assert [row["lifetime_seconds"] for row in shown["channels"]] == [hours * 3600] * 3
        assert {row["alias"] for row in shown["channels"]} == {"ACINQ", "Bob's <node>", "carol"}


def test_the_page_is_rendered_again_after_a_quiet_minute(site: Site, store: CountingStore) -> None:
    tag = site.get().headers["ETag"]
    site.wait(59)
    assert site.get().headers["ETag"] == tag
    site.wait(1)
    assert site.get().headers["ETag"] != tag
    assert store.questions == 3


def test_a_slow_page_is_rendered_seldom(
    site: Site, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*arguments: Any, **options: Any) -> str:
        site.wait(0.5)
        return page_html(*arguments, **options)

    monkeypatch.setattr(application, "page_html", slow)
    tags = []
    for _ in range(10):
        tags.append(site.get().headers["ETag"])
        node.open_channel(node.new_peer())
        site.wait(1)
    assert len(set(tags)) == 2


def test_a_slow_store_is_queried_seldom(node: FakeNode) -> None:
    class Slow(CountingStore):
        def _ask(self, *arguments: Any, **keywords: Any) -> Any:
            slow_site.wait(0.5)
            return super()._ask(*arguments, **keywords)

    with running(Slow(node.config)) as store:
        slow_site = Site(store)
        for _ in range(10):
            slow_site.get()
            slow_site.wait(1)
        assert store.questions == 2


def test_a_store_that_does_not_answer_is_unavailable(node: FakeNode) -> None:
    store = CountingStore(node.config)
    site = Site(store)
    for path in ("/", "/api/channels", "/healthz"):
        answer = site.get(path)
        assert answer.status == "503 Service Unavailable"
        assert answer.body == b"the store has not started yet\n"
    with running(store):
        assert site.get("/healthz").status == "503 Service Unavailable"
        site.wait()
        assert site.get("/healthz").status == "200 OK"
        tag = site.get().headers["ETag"]
    site.wait()
    assert site.get().body == b"the store has stopped\n"
    assert site.get(IF_NONE_MATCH=tag).status == "503 Service Unavailable"


def test_a_store_without_history_says_so(node: FakeNode) -> None:
    with running(ChannelEventStore(replace(node.config, history=None))) as store:
        answer = Site(store).get()
    assert answer.status == "503 Service Unavailable"
    assert answer.body == b"no history is kept: see Config(history=...)\n"


def test_invalid_windows_are_refused(store: CountingStore) -> None:
    with pytest.raises(ValueError, match="window"):
        store.get_overviews([None, timedelta(-1)])


def test_each_window_has_its_own_sums(store: CountingStore, node: FakeNode) -> None:
    node.advance(days=3)
    whole, day = store.get_overviews([None, DAY])
    assert (whole.window, day.window) == (None, DAY)
    assert {info.lifetime for info in whole.channels} == {3 * DAY}
    assert {info.lifetime for info in day.channels} == {DAY}
    assert whole.histories is not None
    assert whole.histories[0] == store.get_history(whole.channels[0].channel_point)
    assert store.get_overviews([None], unless=whole) == []


def test_one_server_has_all_paths_behind_one_password(store: CountingStore) -> None:
    server = serve(store, LOCAL, password=Password("sesame"))
    try:
        for path in ("/", "/metrics", "/api/channels", "/nowhere"):
            response, _ = ask(server, path)
            assert response.status == 401
        assert get(server, "/healthz") == "ok\n"
        known = {"Authorization": "Basic bWU6c2VzYW1l"}  # me:sesame
        assert "chanfitness_up 1.0" in get(server, "/metrics", **known)
        assert "3 of 3 peers online" in get(server, "/", **known)
        response, _ = ask(server, "/nowhere", **known)
        assert response.status == 404
    finally:
        close(server)


def test_queries_time_out_before_prometheus_does() -> None:
    assert snapshots.ANSWER_SECONDS < 5
