"""A Core Lightning node as a source: its socket, and refused sockets."""

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
    """Return the reason for which a node cannot be watched."""
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
            f"there is no socket '{tmp_path}/{path}': start lightningd, or give its rpc-file, or"
            " its lightning-dir and network"
        )


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"network": "../moon"}, "bad network '../moon': expected a name like regtest"),
        ({"network": ""}, "bad network ''"),
        (
            {"rpc_file": "rpc", "network": "regtest"},
            "give either an rpc-file, or a lightning-dir and",
        ),
        (
            {"rpc_file": "rpc", "lightning_dir": "dir"},
            "give either an rpc-file, or a lightning-dir and",
        ),
        ({"rpc_file": ""}, "bad path ''"),
        ({"rpc_file": "a\0b"}, "bad path 'a"),
    ],
)
def test_an_impossible_path_is_a_value_error(where: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ClnNode(**where)


def test_a_file_that_is_not_a_socket_is_named(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.touch()
    assert refusal(rpc_file=file) == f"'{file}' is not a socket: give lightningd's, lightning-rpc"
    assert f"'{tmp_path}' is not a socket" in refusal(rpc_file=tmp_path)


def test_a_socket_without_permission_is_named_with_a_remedy(
    rpc: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert refusal(rpc_file=rpc.path) == (
        f"may not open the socket '{rpc.path}': run as lightningd's user, or join its group and"
        " set rpc-file-mode=0660"
    )


def test_a_socket_that_the_system_rejects_is_named(
    rpc: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: object) -> None:
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert refusal(rpc_file=rpc.path) == (
        f"cannot use the socket '{rpc.path}': AF_UNIX path too long"
    )


def test_a_server_that_is_not_lightningd_is_named(rpc: RpcServer) -> None:
    rpc.answer = lambda method, params: b"HTTP/1.1 400 Bad Request\r\n\r\n"
    assert refusal(rpc_file=rpc.path).startswith(
        f"the server at '{rpc.path}' is not lightningd: notifications: no answer"
    )


@pytest.mark.parametrize("answer", [b"", Refusal(-32601, "Unknown command")])
def test_a_starting_or_old_lightningd_is_watched(rpc: RpcServer, answer: object) -> None:
    rpc.others["notifications"] = answer
    with ClnNode(rpc_file=rpc.path) as node:
        assert node.subscribe() is node.subscribe()
        assert node.get_open_channels() is NOT_YET_KNOWN


def test_a_socket_without_a_server_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = str(tmp_path / "lightning-rpc")
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(path)
    with ClnNode(rpc_file=path) as node:
        node.subscribe()
    assert f"no server listens at '{path}': trying again until lightningd runs" in caplog.text


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


def test_a_closed_node_cannot_be_subscribed_to(rpc: RpcServer) -> None:
    node = ClnNode(rpc_file=rpc.path)
    for _ in range(2):
        Call(node.close).result()
    with pytest.raises(ShuttingDownError):
        node.subscribe()


def test_close_ends_a_subscribe_that_waits_for_an_answer(rpc: RpcServer) -> None:
    asked = threading.Event()
    rpc.answer = lambda method, params: asked.set()
    node = ClnNode(rpc_file=rpc.path)
    node._probe = LightningRpc(rpc.path, WAIT)
    subscribing = Call(node.subscribe)
    assert asked.wait(WAIT)
    Call(node.close).result()
    with pytest.raises(ShuttingDownError):
        subscribing.result()
