"""Listening addresses, and allowed hosts."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanfitness.http.address import (
    AllowedHosts,
    format_address,
    listen,
    parse_address,
    parse_hosts,
)

from ..support.stores import WAIT


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9789", ("127.0.0.1", 9789)),
        ("0", ("127.0.0.1", 0)),
        ("65535", ("127.0.0.1", 65535)),
        ("localhost:9789", ("localhost", 9789)),
        ("0.0.0.0:9789", ("0.0.0.0", 9789)),
        ("node-1.example.com:80", ("node-1.example.com", 80)),
        ("[::1]:9789", ("::1", 9789)),
        ("[::]:9789", ("::", 9789)),
        ("[fe80::1%eth0]:9789", ("fe80::1%eth0", 9789)),
    ],
)
def test_an_address_is_a_port_with_an_optional_host(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":9789",
        "65536",
        "999999",
        "-1",
        "+1",
        " 9789",
        "9789\n",
        "\u0661",
        "localhost",
        "localhost:",
        "::1",
        "::1:9789",
        "[::1]",
        "[::1]9789",
        "[localhost]:9789",
        "[127.0.0.1]:9789",
        "[]:9789",
        "a b:1",
        "a..b:1",
        f"{'a' * 64}:1",
        "\x1b[31m:1",
        "http://localhost:9789",
    ],
)
def test_bad_addresses_are_refused_and_shown_escaped(text: str) -> None:
    with pytest.raises(ValueError, match=r"bad address .*: expected PORT") as caught:
        parse_address(text)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@given(st.ip_addresses(), st.integers(0, 65535))
def test_each_ip_address_is_understood(ip: Any, port: int) -> None:
    text = f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}"
    assert parse_address(text) == (str(ip), port)


@given(st.text())
def test_other_text_raises_value_error(text: str) -> None:
    try:
        host, port = parse_address(text)
    except ValueError:
        return
    assert f"{host}:{port}" == text or (host == "127.0.0.1" and int(text) == port)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:0",
        9789,
        None,
        (),
        ("127.0.0.1",),
        ("127.0.0.1", "9789"),
        ("127.0.0.1", 9789.0),
        ("127.0.0.1", True),
        (b"127.0.0.1", 9789),
        ["127.0.0.1", 9789],
        ("::1", 9789, 0, 0),
    ],
)
def test_a_bad_pair_is_shown_with_an_example(address: Any) -> None:
    with pytest.raises(TypeError, match=r"^bad address ") as caught:
        listen(address)
    assert ascii(address) in str(caught.value)
    assert "a tuple (host, port)" in str(caught.value)
    assert "parse_address('127.0.0.1:9789')" in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [("127.0.0.1", 65536), ("127.0.0.1", -1), ("", 1), ("a\0b", 1), ("a" * 64, 1), ("\ud800", 1)],
)
def test_impossible_hosts_and_ports_raise_value_error(address: tuple[str, int]) -> None:
    with pytest.raises(ValueError, match=r"^bad address "):
        listen(address)


def test_only_the_given_address_is_listened_on() -> None:
    with listen(("127.0.0.1", 0)) as listener, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", listener.getsockname()[1]), timeout=WAIT)


def test_an_address_in_use_is_named() -> None:
    with listen(("127.0.0.1", 0)) as listener:
        _, port = listener.getsockname()
        with pytest.raises(OSError, match="cannot listen") as caught:
            listen(("127.0.0.1", port))
    assert caught.value.errno == errno.EADDRINUSE
    assert caught.value.strerror == f"cannot listen on 127.0.0.1:{port}: Address already in use"


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@needs_ipv6
def test_an_ipv6_address_in_use_is_named_in_brackets() -> None:
    with listen(("::1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(OSError, match=rf"cannot listen on \[::1\]:{port}: "):
            listen(("::1", port))


def test_an_unknown_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(OSError, match="cannot listen on nowhere:1: Name or service not known"):
        listen(("nowhere", 1))


# Hosts

LOOPBACK = ["localhost", "LocalHost:1", "localhost.", "127.0.0.1:9789", "127.1.2.3", "[::1]:9789"]
FOREIGN = [
    "",
    ":9789",
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "localhost, localhost",
    "localhost@evil.example",
    "localhost:a",
    "localhost:1:1",
    "localhost..",
    "[localhost]",
    "[::1",
    "::1",
    "\x1b[31m",
    "local\u017fhost",
]


def hosts(host: str, *others: str) -> AllowedHosts:
    with listen((host, 0)) as listener:
        return AllowedHosts(host, listener, parse_hosts(others))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_loopback_is_always_allowed_and_other_names_never(host: str) -> None:
    allowed = hosts(host)
    assert [each for each in LOOPBACK if each not in allowed] == []
    assert [each for each in FOREIGN if each in allowed] == []


def test_the_given_host_and_its_address_are_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [resolved])
    allowed = hosts("Node.Example")
    assert "node.example:9789" in allowed
    assert "NODE.example." in allowed
    assert "other.example" not in allowed
    assert "192.0.2.1" not in allowed


class Bound:
    """Stands for a listener on an address that this machine may not have."""

    def __init__(self, address: str) -> None:
        self._address = address

    def getsockname(self) -> tuple[str, int]:
        return self._address, 9789


@pytest.mark.parametrize(
    ("bound", "allowed", "refused"),
    [
        ("192.0.2.1", "192.0.2.1:9789", "192.0.2.2:9789"),
        ("2001:db8::1", "[2001:DB8:0:0::1]:9789", "[2001:db8::2]:9789"),
        ("fe80::1%eth0", "[fe80::1]", "[fe80::2]"),
    ],
)
def test_a_listener_on_one_address_allows_only_that_address(
    bound: str, allowed: str, refused: str
) -> None:
    own: Any = Bound(bound)
    assert allowed in AllowedHosts(bound, own, frozenset())
    assert refused not in AllowedHosts(bound, own, frozenset())
    assert socket.gethostname() not in AllowedHosts(bound, own, frozenset())


@pytest.mark.parametrize("bound", ["0.0.0.0", "::"])
def test_a_listener_on_all_addresses_allows_any_ip_and_own_names(
    bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Alpha.example")
    own: Any = Bound(bound)
    allowed = AllowedHosts(bound, own, frozenset())
    for host in ("192.0.2.1:9789", "[2001:db8::1]", "alpha.example", "ALPHA:1", "alpha.local"):
        assert host in allowed
    for host in ("example", "alpha.evil.example", "evil.example"):
        assert host not in allowed


def test_further_hosts_can_be_allowed() -> None:
    allowed = hosts("127.0.0.1", "Node.example", "192.0.2.1", "[2001:db8::1]", "2001:db8::2")
    for host in ("node.EXAMPLE:80", "192.0.2.1", "[2001:db8::1]:1", "[2001:DB8::2]"):
        assert host in allowed
    assert "192.0.2.2" not in allowed


@pytest.mark.parametrize(
    "host", ["", "a b", "a:1", "http://a", "[::1]:1", "*", "a/b", "\x1b", "a.", 5, None, b"a"]
)
def test_a_bad_host_is_refused_and_shown_escaped(host: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^bad host .*: expected a name or an IP address"
    ) as caught:
        parse_hosts(["fine", host])
    assert str(caught.value).isprintable()


def test_a_string_is_refused_as_a_list_of_hosts() -> None:
    with pytest.raises(TypeError, match=r"bad hosts 'a.example': .* like \['a.example'\]"):
        parse_hosts("a.example")


@given(st.ip_addresses(), st.integers(0, 65535))
def test_an_address_is_formatted_as_it_is_parsed(ip: Any, port: int) -> None:
    assert parse_address(format_address(str(ip), port)) == (str(ip), port)
