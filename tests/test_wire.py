"""Outpoints and vertices: construction, parser, errors and representation."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanfitness import OutPoint, Vertex

TXID = "0123456789abcdef" * 4
KEY_HEX = "02" + "ab" * 32
KEY = bytes.fromhex(KEY_HEX)
ARABIC_ZERO = "\u0660"
FULLWIDTH_A = "\uff21"
LONGEST_MESSAGE = 200  # 80 quoted characters and the text around them


# OutPoint


def test_an_outpoint_is_written_as_txid_colon_index() -> None:
    assert str(OutPoint(TXID, 7)) == f"{TXID}:7"


def test_an_outpoint_has_a_txid_and_an_index() -> None:
    point = OutPoint(TXID, 7)

    assert (point.txid, point.index) == (TXID, 7)


def test_an_outpoint_takes_its_fields_by_name() -> None:
    assert OutPoint(index=7, txid=TXID) == OutPoint(TXID, 7)


@given(
    st.text("0123456789abcdefABCDEF", min_size=64, max_size=64),
    st.integers(min_value=0, max_value=2**32 - 1),
)
def test_parse_reads_back_what_str_wrote(txid: str, index: int) -> None:
    point = OutPoint(txid, index)

    assert OutPoint.parse(str(point)) == point


def test_hex_of_either_case_is_taken_and_lower_case_kept() -> None:
    point = OutPoint(TXID.upper(), 0)

    assert point.txid == TXID
    assert point == OutPoint.parse(f"{TXID.upper()}:0") == OutPoint(TXID, 0)


@pytest.mark.parametrize("index", [0, 1, 65535, 2**32 - 1])
def test_every_index_of_32_bits_is_taken(index: int) -> None:
    assert OutPoint.parse(f"{TXID}:{index}") == OutPoint(TXID, index)


@pytest.mark.parametrize("index", [-1, 2**32, 2**64])
def test_an_index_out_of_range_is_refused_and_shown(index: int) -> None:
    with pytest.raises(ValueError, match=f"bad output index {index}: expected 0 to 4294967295"):
        OutPoint(TXID, index)


@pytest.mark.parametrize("index", [10**5000, -(10**5000)], ids=["positive", "negative"])
def test_an_index_of_thousands_of_digits_is_refused_as_a_bad_index(index: int) -> None:
    # Python raises a ValueError of its own when it formats such a number.
    with pytest.raises(ValueError, match="bad output index") as caught:
        OutPoint(TXID, index)

    assert len(str(caught.value)) < LONGEST_MESSAGE


def test_an_index_out_of_range_is_refused_in_text_too() -> None:
    with pytest.raises(ValueError, match="bad output index 4294967296"):
        OutPoint.parse(f"{TXID}:4294967296")


@pytest.mark.parametrize(
    "txid",
    [
        "",
        TXID[:-1],
        TXID + "0",
        TXID + "\n",
        " " + TXID[:-1],
        "0x" + TXID[:-2],
        "g" + TXID[:-1],
        ARABIC_ZERO + TXID[:-1],
        FULLWIDTH_A + TXID[:-1],
    ],
)
def test_a_txid_that_is_not_64_ascii_hex_digits_is_refused(txid: str) -> None:
    with pytest.raises(ValueError, match=r"bad txid .*expected 64 hex digits"):
        OutPoint(txid, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        TXID,
        f"{TXID}:",
        f"{TXID}:x",
        f"{TXID}:-1",
        f"{TXID}:+1",
        f"{TXID}:1.0",
        f"{TXID}:1_0",
        f"{TXID}: 1",
        f"{TXID}:1\n",
        f" {TXID}:1",
        f"{TXID}:1:1",
        f"{TXID}:{ARABIC_ZERO}",
        f"{TXID[:-1]}{ARABIC_ZERO}:0",
        f"{TXID}:{'9' * 5000}",
    ],
)
def test_text_that_is_no_outpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="bad outpoint"):
        OutPoint.parse(text)


def test_the_error_shows_the_text_it_got_in_ascii() -> None:
    with pytest.raises(ValueError, match=r"bad outpoint 'caf\\xe9\\n'"):
        OutPoint.parse("caf\u00e9\n")


@pytest.mark.parametrize("txid", [None, 7, b"0" * 64, ["0"] * 64])
def test_a_txid_that_is_no_str_is_a_type_error_that_shows_it(txid: object) -> None:
    with pytest.raises(TypeError, match="a txid is a str") as caught:
        OutPoint(txid, 0)  # type: ignore[arg-type]

    assert ascii(txid)[:20] in str(caught.value)


@pytest.mark.parametrize("index", [None, "0", 0.0, True])
def test_an_index_that_is_no_int_is_a_type_error_that_shows_it(index: object) -> None:
    with pytest.raises(TypeError, match=f"an output index is an int, not {index!a}"):
        OutPoint(TXID, index)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [None, 7, f"{TXID}:0".encode()])
def test_an_outpoint_is_parsed_from_nothing_but_a_str(text: object) -> None:
    with pytest.raises(TypeError, match="an outpoint is parsed from a str"):
        OutPoint.parse(text)  # type: ignore[arg-type]


def test_outpoints_of_the_same_output_are_one_dict_key() -> None:
    channels = {OutPoint(TXID.upper(), 1): "first", OutPoint(TXID, 2): "second"}

    channels[OutPoint.parse(f"{TXID}:1")] = "again"

    assert channels == {OutPoint(TXID, 1): "again", OutPoint(TXID, 2): "second"}


def test_an_outpoint_cannot_be_changed() -> None:
    point = OutPoint(TXID, 1)

    with pytest.raises(AttributeError):
        point.index = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        point.colour = "red"  # type: ignore[attr-defined]


# Vertex


def test_a_vertex_is_its_33_bytes_and_is_written_in_hex() -> None:
    peer = Vertex(KEY)

    assert bytes(peer) == KEY
    assert str(peer) == f"{peer}" == KEY_HEX


@given(st.sampled_from([b"\x02", b"\x03"]), st.binary(min_size=32, max_size=32))
def test_parse_reads_back_the_hex_of_either_case(parity: bytes, x: bytes) -> None:
    peer = Vertex(parity + x)

    assert Vertex.parse(str(peer)) == Vertex.parse(str(peer).upper()) == peer


@pytest.mark.parametrize(
    "key", [b"", KEY[:-1], KEY + b"\0", b"\x04" + KEY[1:], b"\0" + KEY[1:], KEY_HEX.encode()]
)
def test_bytes_that_are_no_compressed_key_are_refused_and_shown(key: bytes) -> None:
    with pytest.raises(ValueError, match="expected 33 bytes, the first 2 or 3") as caught:
        Vertex(key)

    assert f"bad vertex {ascii(key)[:70]}" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        KEY_HEX[:-1],
        KEY_HEX + "0",
        KEY_HEX + "\n",
        "04" + KEY_HEX[2:],
        "0x" + KEY_HEX[2:],
        KEY_HEX[:-1] + " ",
        KEY_HEX[:-1] + "g",
        KEY_HEX[:-1] + ARABIC_ZERO,
        "0" + "\u0662" + KEY_HEX[2:],
        FULLWIDTH_A * 66,
    ],
)
def test_text_that_is_no_public_key_in_ascii_hex_is_refused_and_shown(text: str) -> None:
    with pytest.raises(ValueError, match="expected 66 hex digits that begin with 02") as caught:
        Vertex.parse(text)

    assert f"bad public key {ascii(text)[:70]}" in str(caught.value)


@pytest.mark.parametrize("key", [None, 33, KEY_HEX, bytearray(KEY), memoryview(KEY), list(KEY)])
def test_a_vertex_is_made_of_nothing_but_bytes(key: object) -> None:
    with pytest.raises(TypeError, match="a vertex is made of bytes, not"):
        Vertex(key)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [None, 2, KEY])
def test_a_vertex_is_parsed_from_nothing_but_a_str(text: object) -> None:
    with pytest.raises(TypeError, match="a vertex is parsed from a str"):
        Vertex.parse(text)  # type: ignore[arg-type]


def test_vertices_of_the_same_key_are_one_dict_key() -> None:
    names = {Vertex(KEY): "alice"}

    names[Vertex.parse(KEY_HEX.upper())] = "Alice"

    assert names == {Vertex(KEY): "Alice"}


def test_a_vertex_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Vertex(KEY).alias = "alice"  # type: ignore[attr-defined]


# Both


@pytest.mark.parametrize("value", [OutPoint(TXID, 7), Vertex(KEY)])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_value_survives_pickling_and_copying(value: object, protocol: int) -> None:
    for twin in (pickle.loads(pickle.dumps(value, protocol)), copy.deepcopy(value)):
        assert (twin, type(twin), hash(twin)) == (value, type(value), hash(value))


@pytest.mark.parametrize("huge", ["z" * 1_000_000, "\U0001f300" * 1_000_000], ids=["z", "wide"])
@pytest.mark.parametrize(
    ("refuse", "error"),
    [
        (OutPoint.parse, ValueError),
        (Vertex.parse, ValueError),
        (lambda text: OutPoint(text, 0), ValueError),
        (lambda text: OutPoint(TXID, text), TypeError),
        (Vertex, TypeError),
    ],
)
def test_an_error_quotes_no_more_than_80_characters_of_huge_text(
    refuse: Callable[[Any], object], error: type[Exception], huge: str
) -> None:
    with pytest.raises(error) as caught:
        refuse(huge)

    assert ascii(huge)[:70] in str(caught.value)
    assert len(str(caught.value)) < LONGEST_MESSAGE


def test_an_error_quotes_no_more_than_80_characters_of_huge_bytes() -> None:
    with pytest.raises(ValueError, match="bad vertex") as caught:
        Vertex(b"\xff" * 1_000_000)

    assert len(str(caught.value)) < LONGEST_MESSAGE
