"""The served page in a real browser: live updates that keep the user's choices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from chanfitness import ChannelEventStore, OpenChannel
from chanfitness.http.password import Password
from chanfitness.http.server import Server
from chanfitness.testing import FakeNode
from chanfitness.web.application import serve

from ..support.browsers import running_browser, violations
from ..support.http_clients import LOCAL, close
from ..support.nodes_with_channels import channels_of
from ..support.persistent_stores import DAY
from ..support.stores import WAIT, running

SOON = WAIT * 1000
"""Timeout of expectations, in milliseconds."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def node() -> FakeNode:
    """A node with three peers, of which the second was away for an hour."""
    return FakeNode(history=90 * DAY)


@pytest.fixture
def channels(node: FakeNode, server: Server) -> list[OpenChannel]:
    return channels_of(node)


@pytest.fixture
def store(node: FakeNode) -> Iterator[ChannelEventStore]:
    with running(node.store) as store:
        for alias in ("ACINQ", "bob", "carol"):
            channel = node.open_channel(node.new_peer(online=True))
            node.describe_peer(channel.peer, alias=alias)
        node.advance(days=8)
        node.peer_offline(channels_of(node)[1].peer)
        node.advance(hours=1)
        node.peer_online(channels_of(node)[1].peer)
        node.advance(hours=1)
        yield store


@pytest.fixture
def server(store: ChannelEventStore) -> Iterator[Server]:
    server = serve(store, LOCAL)
    yield server
    close(server)


@contextmanager
def shown(browser: Browser, server: Server, **how: object) -> Iterator[Page]:
    """The page, which must log no errors and make no requests but to the server."""
    context = browser.new_context(**how)  # type: ignore[arg-type]
    page, complaints, asked = context.new_page(), [], set()
    page.set_default_timeout(SOON)
    page.on("request", lambda request: asked.add(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    url = f"http://127.0.0.1:{server.port}/"
    page.goto(url)
    expect(page.locator("#live")).to_have_text("Updates automatically.", timeout=SOON)
    yield page
    assert (complaints, asked) == ([], {url})
    context.close()


def facts(page: Page, text: str) -> None:
    expect(page.locator(".facts")).to_contain_text(text, timeout=SOON)


def test_the_page_follows_peers_and_channels(
    browser: Browser, server: Server, node: FakeNode, channels: list[OpenChannel]
) -> None:
    with shown(browser, server) as page:
        row = page.locator("#s-all tbody.peer", has_text="carol")
        facts(page, "3 of 3 peers online")
        node.peer_offline(channels[2].peer)
        facts(page, "2 of 3 peers online")
        expect(row).to_contain_text("offline")
        node.advance(minutes=1)
        node.peer_online(channels[2].peer)
        facts(page, "3 of 3 peers online")
        expect(row).not_to_contain_text("not usable now")
        node.channel_inactive(channels[2])
        expect(row).to_contain_text("not usable now", timeout=SOON)


def test_user_choices_survive_updates(
    browser: Browser, server: Server, node: FakeNode, channels: list[OpenChannel]
) -> None:
    with shown(browser, server) as page:
        page.check("#r-7d")
        page.locator("#s-7d thead button", has_text="Peer").click()
        page.locator("#s-7d thead button", has_text="Peer").click()
        page.fill(".filter input", "o")
        page.locator("#p2 summary").click()
        page.locator("#p2 summary").focus()
        assert page.locator("#p2").get_attribute("open") is None

        node.peer_offline(channels[0].peer)
        facts(page, "2 of 3 peers online")

        expect(page.locator("#r-7d")).to_be_checked()
        names = page.locator("#s-7d tbody.peer:visible th > bdi")
        assert names.all_inner_texts() == ["bob", "carol"]
        expect(page.locator("#s-7d thead th").first).to_have_attribute("aria-sort", "ascending")
        assert page.locator("#p2").get_attribute("open") is None
        assert page.locator("#p1").get_attribute("open") is not None
        expect(page.locator("#p2 summary")).to_be_focused()


def test_a_link_refreshes_without_script(
    browser: Browser, server: Server, node: FakeNode, channels: list[OpenChannel]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/")
    node.peer_offline(channels[0].peer)

    def has_changed() -> bool:
        page.get_by_text("Refresh").click()
        return "2 of 3 peers online" in page.locator(".facts").inner_text()

    while not has_changed():  # the store is queried once a second
        pass
    context.close()


def test_the_page_says_if_the_server_does_not_answer(browser: Browser, server: Server) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/")
    expect(page.locator("#live")).to_have_text("Updates automatically.", timeout=SOON)
    close(server)
    expect(page.locator("#live")).to_contain_text("No answer since", timeout=SOON)
    context.close()


def test_a_password_is_asked_for(browser: Browser, store: ChannelEventStore) -> None:
    server = serve(store, LOCAL, password=Password("sesame"))
    credentials = {"username": "anyone", "password": "sesame"}
    with shown(browser, server, http_credentials=credentials) as page:
        facts(page, "3 of 3 peers online")
    context = browser.new_context(http_credentials={"username": "anyone", "password": "other"})
    page = context.new_page()
    response = page.goto(f"http://127.0.0.1:{server.port}/")
    assert response is not None
    assert response.status == 401
    context.close()
    close(server)


def test_the_served_page_is_accessible(browser: Browser, server: Server) -> None:
    context = browser.new_context(bypass_csp=True, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/")
    for width in (360, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == []
    context.close()
