"""RPC client of lightningd, with answers, bad answers and silence."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chanfitness import OpenChannel
from chanfitness.nodes.cln import rpc_client as cln_rpc
from chanfitness.nodes.cln.listings import ListingClient
from chanfitness.nodes.cln.rpc_client import LightningRpc, RpcError

from ...support.cln_messages import channel_id, channels, entry, peers
from ...support.fake_lightningd import RpcServer
from ...support.stores import WAIT, Call
from ...support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2

ALL = channels(entry(channel_id(1), CHANNEL_1, ALICE), entry(channel_id(2), CHANNEL_2, BOB))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RpcServer]:
    with RpcServer(tmp_path) as server:
        server.listings = {"listpeers": peers(ALICE), "listpeerchannels": ALL}
        yield server


def rpc(server: RpcServer, timeout: float = WAIT) -> LightningRpc:
    return LightningRpc(server.path, timeout)


def ask(client: LightningRpc) -> Any:
    return client.call("listpeers", {}, {"peers": [{"id": True}]})


def test_a_question_is_answered(server: RpcServer) -> None:
    client = rpc(server)
    assert ask(client) == peers(ALICE)
    assert ask(client) == peers(ALICE)


def test_a_long_answer_is_read_whole(server: RpcServer) -> None:
    server.answer = lambda method, params: {"peers": ["x" * 1000] * 5000}
    assert len(ask(rpc(server))["peers"]) == 5000


def test_an_endless_answer_is_an_error(server: RpcServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cln_rpc, "LONGEST_ANSWER", 1000)
    longest = b'{"result": 5}'.ljust(998) + b"\n\n"
    answers = [longest, b" " + longest, b" " * 1001, b"[" * 10_000_000]
    server.answer = lambda method, params: answers.pop(0)
    assert ask(rpc(server)) == 5
    while answers:
        with pytest.raises(RpcError, match="no answer from lightningd: 'more than 1000 bytes'"):
            ask(rpc(server))


def test_an_answer_may_end_with_the_connection(server: RpcServer) -> None:
    server.answer = lambda method, params: b'{"result": 5}'
    assert ask(rpc(server)) == 5


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "connection closed"),
        (b"nonsense\n\n", "Expecting value"),
        (b'{"result": ', "Expecting value"),
        (b"\xff\n\n", "Expecting value"),
        (b"[" * 100_000 + b"\n\n", "recursion|nested|stack|depth"),
        (b"5\n\n", "5"),
        (b'{"error": {"code": -32601, "message": "Unknown \\u001b[2Jcommand"}}\n\n', "x1b"),
    ],
)
def test_a_bad_answer_is_an_error(server: RpcServer, answer: bytes, reason: str) -> None:
    server.answer = lambda method, params: answer
    with pytest.raises(
        RpcError, match=f"listpeers: no answer from lightningd: .*({reason})"
    ) as raised:
        ask(rpc(server))
    assert str(raised.value).isprintable()


def test_a_missing_lightningd_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RpcError, match="No such file"):
        ask(LightningRpc(str(tmp_path / "lightning-rpc")))


def test_a_socket_with_a_long_path_is_reached_by_its_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / ("d" * 90)
    directory.mkdir()
    far = str(directory / "lightning-rpc")
    monkeypatch.chdir(directory)
    with RpcServer(Path()) as server:
        server.listings = {"listpeers": peers(ALICE)}
        assert len(os.fsencode(far)) > 107
        assert ask(LightningRpc(far)) == peers(ALICE)


def test_no_answer_in_time_is_an_error(server: RpcServer) -> None:
    server.answer = lambda method, params: None
    with pytest.raises(RpcError, match="timed out"):
        ask(rpc(server, timeout=0.01))


def test_a_trickling_answer_has_the_same_timeout(server: RpcServer) -> None:
    server.answer = lambda method, params: None
    times = iter([0, 1, WAIT + 1])  # at the question, the first piece, the second piece
    asked = Call(ask, LightningRpc(server.path, WAIT, lambda: next(times)))
    server.asked.get(timeout=WAIT)
    for connection in server.waiting():
        connection.sendall(b'{"result"')
    with pytest.raises(RpcError, match="timed out"):
        asked.result()
    assert list(times) == []


def test_abort_ends_an_unanswered_question(server: RpcServer) -> None:
    server.answer = lambda method, params: None
    client = rpc(server)
    asked = Call(ask, client)
    server.asked.get(timeout=WAIT)
    client.abort()
    with pytest.raises(RpcError, match="no answer"):
        asked.result()
    with pytest.raises(RpcError, match="aborted"):
        ask(client)


def test_aborting_twice_does_nothing(server: RpcServer) -> None:
    client = rpc(server)
    ask(client)
    client.abort()
    client.abort()


@pytest.mark.parametrize(
    ("answer", "is_one"),
    [
        ({}, True),
        (b'{"error": {"code": -32601, "message": "Unknown command"}}\n\n', True),
        (b"nonsense\n\n", True),
        (b"", False),
        (None, False),
    ],
)
def test_an_error_answer_shows_that_lightningd_answers(
    server: RpcServer, answer: object, is_one: bool
) -> None:
    server.answer = lambda method, params: answer
    assert rpc(server, WAIT if is_one else 0.1).is_answered() is is_one
    assert server.asked.get(timeout=WAIT) == ("notifications", {"enable": False})


# ListingClient.


def test_an_answer_voided_by_on_answer_counts_as_none(server: RpcServer) -> None:
    def refuse() -> None:
        raise RpcError("too late")

    listings = ListingClient(rpc(server), refuse)
    assert listings.everything() is None
    assert listings.failure == "too late"


def test_everything_is_two_questions(server: RpcServer) -> None:
    listing = ListingClient(rpc(server), bool).everything()
    assert listing is not None
    assert [each.channel for each in listing.channels] == [
        OpenChannel(CHANNEL_1, ALICE),
        OpenChannel(CHANNEL_2, BOB),
    ]
    assert listing.online == [ALICE]
    assert [server.asked.get(timeout=WAIT) for _ in range(2)] == [
        ("listpeers", {}),
        ("listpeerchannels", {}),
    ]


def test_the_channels_of_one_peer_are_one_question(server: RpcServer) -> None:
    listed = ListingClient(rpc(server), bool).channels_of(BOB)
    assert listed is not None
    assert [each.channel for each in listed] == [OpenChannel(CHANNEL_2, BOB)]
    assert server.asked.get(timeout=WAIT) == ("listpeerchannels", {"id": str(BOB)})


def test_only_needed_fields_are_asked_for(server: RpcServer) -> None:
    questions: list[dict[str, Any]] = []
    server.on_question = questions.append
    ListingClient(rpc(server), bool).everything()
    assert [json.dumps(question["filter"])[:20] for question in questions] == [
        '{"peers": [{"id": tr',
        '{"channels": [{"peer',
    ]


def test_a_silent_lightningd_is_logged_once_per_silence(
    server: RpcServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    listings = ListingClient(rpc(server), bool)
    assert listings.everything() is not None
    server.listings["listpeers"] = "nonsense"
    for _ in range(3):
        assert listings.everything() is None
        assert not listings.is_answered
    server.listings["listpeers"] = peers()
    assert listings.everything() is not None
    server.listings["listpeerchannels"] = {"channels": 5}
    assert listings.everything() is None

    texts = [record.getMessage() for record in caplog.records]
    assert [text.partition(" ")[0] for text in texts] == ["expected", "lightningd", "expected"]
    assert "asking again within half a minute" in texts[0]
    assert texts[1] == "lightningd answers again"
