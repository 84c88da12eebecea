"""A Core Lightning node as a source: where its socket is, and what is wrong with one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    NOT_YET_KNOWN,
    ChannelEventStore,
    NodeError,
    ShuttingDownError,
    SqliteStorage,
)
from chanfitness.nodes.cln import ClnNode
from chanfitness.nodes.cln.rpc_client import LightningRpc

from ...support.cln_messages import channels, entry, peers
from ...support.cln_watchers import ID_1
from ...support.fake_lightningd import Refusal, RpcServer
from ...support.stores import WAIT, Call, running
from ...support.values import ALICE, CHANNEL_1


@pytest.fixture
def rpc(tmp_path: Path) -> Iterator[RpcServer]:
    with RpcServer(tmp_path) as rpc:
        rpc.listings = {
            "listpeers": peers(ALICE),
            "listpeerchannels": channels(entry(ID_1, CHANNEL_1, ALICE, peer_connected=True)),
        }
        yield rpc


def refusal(**where: Any) -> str:
    """Why a node cannot be watched."""
    with ClnNode(**where) as node, pytest.raises(NodeError) as raised:
        node.subscribe()
    return str(raised.value)


def test_the_socket_is_where_lightning_cli_looks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for where, path in (
        ({}, ".lightning/bitcoin/lightning-rpc"),
        ({"network": "regtest"}, ".lightning/regtest/lightning-rpc"),
        ({"lightning_dir": "~/node"}, "node/bitcoin/lightning-rpc"),
        ({"lightning_dir": tmp_path / "node", "network": "signet"}, "node/signet/lightning-rpc"),
        ({"rpc_file": "~/a-socket"}, "a-socket"),
    ):
        assert refusal(**where) == (
            f"there is no socket '{tmp_path}/{path}': start lightningd, or name its rpc-file, or"
            " its lightning-dir and network"
        )


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"network": "../moon"}, "bad network '../moon': expected a name like regtest"),
        ({"network": ""}, "bad network ''"),
        ({"rpc_file": "rpc", "network": "regtest"}, "an rpc-file goes with no lightning-dir and"),
        ({"rpc_file": "rpc", "lightning_dir": "dir"}, "an rpc-file goes with no lightning-dir and"),
        ({"rpc_file": ""}, "bad path ''"),
        ({"rpc_file": "a\0b"}, "bad path 'a"),
    ],
)
def test_a_place_that_cannot_be_is_a_bad_value(where: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ClnNode(**where)


def test_what_is_no_socket_is_named(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.touch()
    assert refusal(rpc_file=file) == f"'{file}' is no socket: name lightningd's, lightning-rpc"
    assert f"'{tmp_path}' is no socket" in refusal(rpc_file=tmp_path)


def test_a_socket_that_may_not_be_opened_is_named_with_what_lets_us_in(
    rpc: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert refusal(rpc_file=rpc.path) == (
        f"may not open the socket '{rpc.path}': be lightningd's user, or of its group, which"
        " rpc-file-mode=0660 lets in"
    )


def test_a_socket_that_the_system_does_not_take_is_named(
    rpc: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: object) -> None:
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert refusal(rpc_file=rpc.path) == (
        f"cannot use the socket '{rpc.path}': AF_UNIX path too long"
    )


def test_what_is_no_lightningd_is_named(rpc: RpcServer) -> None:
    rpc.answer = lambda method, params: b"HTTP/1.1 400 Bad Request\r\n\r\n"
    assert refusal(rpc_file=rpc.path).startswith(
        f"what listens at '{rpc.path}' is no lightningd: notifications: no answer"
    )


@pytest.mark.parametrize("answer", [b"", Refusal(-32601, "Unknown command")])
def test_one_that_may_be_starting_or_old_is_watched(rpc: RpcServer, answer: object) -> None:
    rpc.others["notifications"] = answer
    with ClnNode(rpc_file=rpc.path) as node:
        assert node.subscribe() is node.subscribe()
        assert node.get_open_channels() is NOT_YET_KNOWN


def test_where_nobody_listens_it_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = str(tmp_path / "lightning-rpc")
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(path)
    with ClnNode(rpc_file=path) as node:
        node.subscribe()
    assert f"nobody listens at '{path}': trying again until lightningd runs" in caplog.text


def test_a_store_watches_it(rpc: RpcServer, tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "fitness.db")
    with (
        ClnNode(rpc_file=rpc.path) as node,
        running(ChannelEventStore(node.config(storage=storage))) as store,
    ):
        store.wait_until_seeing(timeout=WAIT)
        assert store.get_chan_info(CHANNEL_1, timeout=WAIT).peer == ALICE
        assert node.fault is None
    assert storage.channel_ids == {ID_1: CHANNEL_1}


def test_one_store_may_watch_it_after_another(rpc: RpcServer) -> None:
    with ClnNode(rpc_file=rpc.path) as node:
        for _ in range(2):
            with running(ChannelEventStore(node.config())) as store:
                store.wait_until_seeing(timeout=WAIT)


def test_a_node_that_was_closed_watches_no_more(rpc: RpcServer) -> None:
    node = ClnNode(rpc_file=rpc.path)
    for _ in range(2):
        Call(node.close).result()
    with pytest.raises(ShuttingDownError):
        node.subscribe()


def test_closing_ends_a_subscription_that_waits_for_an_answer(rpc: RpcServer) -> None:
    asked = threading.Event()
    rpc.answer = lambda method, params: asked.set()
    node = ClnNode(rpc_file=rpc.path)
    node._probe = LightningRpc(rpc.path, WAIT)
    subscribing = Call(node.subscribe)
    assert asked.wait(WAIT)
    Call(node.close).result()
    with pytest.raises(ShuttingDownError):
        subscribing.result()
