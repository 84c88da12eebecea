"""Transports of peer addresses."""

from __future__ import annotations

import pytest

from chanfitness.events import TRANSPORTS
from chanfitness.nodes.transports import transport_of

ONION = "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion"
I2P = "udhdrtrcetjm5sxzskjyr5ztpeszydbh4dpl3pl4utgqqw2v4jna.b32.i2p"
LOCAL = [
    "127.0.0.1:9735",
    "127.8.9.10:9735",
    "10.21.21.9:9735",
    "172.16.0.1:9735",
    "172.31.255.254:9735",
    "192.168.1.20:9735",
    "169.254.10.20:9735",
    "[::1]:9735",
    "[fd00::17]:9735",
    "[fe80::1]:9735",
    "[fe80::1%eth0]:9735",
    "[::ffff:127.0.0.1]:9735",
    "[::ffff:192.168.1.20]:9735",
    "127.0.0.1",
    "::1",
    "localhost:9735",
    "LOCALHOST",
]
PUBLIC = [
    "8.8.8.8:9735",
    "172.32.0.1:9735",
    "[2607:f8b0:4005:80a::200e]:9735",
    "[::ffff:8.8.8.8]:9735",
    "8.8.8.8",
    "2607:f8b0:4005:80a::200e",
]
NAMES = ["node.example.com:9735", "node.example.com", "NODE:9735", "onion.example.com:9735"]
GARBAGE = [
    "",
    ":",
    ":9735",
    "8.8.8.8:",
    "8.8.8.8:port",
    "8.8.8.8:\N{ARABIC-INDIC DIGIT NINE}",
    "[]:9735",
    "[8.8.8.8",
    "999.8.8.8:9735",
    "1234",
    "8.8.8.8:9735:9735",
    "/run/lightningd/peer.sock",
    "node example:9735",
    "n\N{LATIN SMALL LETTER O WITH DIAERESIS}de.example.com:9735",
    ".onion:9735",
    "x..onion:9735",
    "8.8.8.8:9735\n",
    "node.example.com\n",
]


def each_way(address: str) -> list[str]:
    """Return the transports of an outbound, an inbound and an unknown connection."""
    return [transport_of(address, inbound) for inbound in (False, True, None)]


@pytest.mark.parametrize("address", LOCAL)
def test_a_local_address_is_local_only_if_we_connected_to_it(address: str) -> None:
    """An inbound peer may have come through Tor."""
    assert each_way(address) == ["local", "unknown", "unknown"]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_clearnet_either_way(address: str) -> None:
    assert each_way(address) == ["clearnet"] * 3


@pytest.mark.parametrize("address", NAMES)
def test_a_host_name_is_clearnet_if_we_connected_to_it(address: str) -> None:
    assert each_way(address) == ["clearnet", "unknown", "unknown"]


@pytest.mark.parametrize(
    ("name", "transport"), [(ONION, "tor"), (ONION.upper(), "tor"), (I2P, "i2p")]
)
@pytest.mark.parametrize("port", ["", ":9735"])
def test_a_hidden_service_has_its_transport_either_way(
    name: str, transport: str, port: str
) -> None:
    assert each_way(name + port) == [transport] * 3


@pytest.mark.parametrize("address", GARBAGE)
def test_text_that_is_no_address_is_unknown(address: str) -> None:
    assert each_way(address) == ["unknown"] * 3


def test_every_transport_is_one_of_the_events() -> None:
    told = {each for address in [*LOCAL, *PUBLIC, *NAMES, *GARBAGE] for each in each_way(address)}
    assert {*told, "tor", "i2p"} == set(TRANSPORTS)
