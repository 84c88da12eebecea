"""Offline peers without a channel: unknown to questions, and kept in the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from chanfitness import PeerNotFoundError
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.persistent_stores import watching


def test_promise_7_an_offline_peer_without_a_channel_is_unknown(tmp_path: Path) -> None:
    node, path = FakeNode(), tmp_path / "db"
    channel, stranger = node.open_channel(node.new_peer(online=True)), node.new_peer(online=True)
    for _ in range(2):
        with watching(node, path) as store:
            node.peer_online(stranger)
            assert [info.peer for info in store.list_peers()] == [channel.peer, stranger]
            node.peer_offline(stranger)
            assert [info.peer for info in store.list_peers()] == [channel.peer]
            with pytest.raises(PeerNotFoundError):
                store.get_peer_info(stranger)
            node.advance(hours=1)
    with watching(node, path) as store:
        node.close_channel(channel)
        assert store.get_peer_info(channel.peer).channels == ()
        node.peer_offline(channel.peer)
        assert store.list_peers() == list(store.get_overview().peers) == []
        with pytest.raises(PeerNotFoundError):
            store.get_peer_info(channel.peer)
    with watching(node, path) as store:
        assert store.list_peers() == []
    saved, _ = read(path)
    assert saved is not None
    assert [row.key for row in saved.peers] == [bytes(channel.peer)]
    assert len(saved.histories) == 1
