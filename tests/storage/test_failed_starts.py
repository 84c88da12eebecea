"""Failed starts: they leave the files of before, and no others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chanfitness import ChannelEventStore, SqliteStorage, StorageError
from chanfitness.testing import FakeNode

from ..support.disks import Disk, no_file_may_grow, small_disk
from ..support.persistent_stores import watching
from ..support.stores import running, stop

__all__ = ["small_disk"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "fitness.db"


def nothing(path: Path) -> None:
    path.parent.mkdir()


def a_lock(path: Path) -> None:
    nothing(path)
    path.with_name("fitness.db-lock").touch()


def an_empty_file(path: Path) -> None:
    nothing(path)
    path.touch()


def a_database(path: Path) -> None:
    nothing(path)
    node = FakeNode()
    node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=1)


def names(path: Path) -> set[str]:
    return {each.name for each in path.parent.iterdir()}


def fail() -> Any:
    raise RuntimeError("no answer from the node")


def interrupt() -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize("before", [nothing, a_lock, an_empty_file, a_database])
@pytest.mark.parametrize(
    "callable_of_the_config",
    ["subscribe_channel_events", "subscribe_peer_events", "get_open_channels"],
)
@pytest.mark.parametrize("failure", [fail, interrupt])
def test_a_failing_callable_of_the_config_leaves_the_files_as_they_were(
    path: Path,
    before: Callable[[Path], None],
    callable_of_the_config: str,
    failure: Callable[[], Any],
) -> None:
    before(path)
    there = names(path)
    config = replace(FakeNode().config, storage=SqliteStorage(path))
    failing: dict[str, Any] = {callable_of_the_config: failure}
    store = ChannelEventStore(replace(config, **failing))
    for _ in range(2):
        with pytest.raises((RuntimeError, KeyboardInterrupt)):
            store.start()
        assert names(path) == there
    with running(ChannelEventStore(config)):
        pass
    assert names(path) == {"fitness.db", "fitness.db-lock"}


@pytest.mark.parametrize("before", [nothing, a_lock, an_empty_file, a_database])
def test_a_write_error_leaves_the_files_as_they_were(
    path: Path, before: Callable[[Path], None]
) -> None:
    before(path)
    there = names(path)
    storage = SqliteStorage(path)
    with no_file_may_grow(), pytest.raises(StorageError, match=str(path)):
        storage.open()
    assert names(path) == there


def test_a_full_disk_leaves_the_files_as_they_were(small_disk: Disk) -> None:
    small_disk.fill()
    for _ in range(2):
        with pytest.raises(StorageError):
            SqliteStorage(small_disk.directory / "fitness.db").open()
        assert names(small_disk.directory / "fitness.db") == {"filler"}


@pytest.mark.parametrize("path", ["missing/fitness.db", "/proc/fitness.db"])
def test_a_place_without_a_directory_is_refused_without_new_files(
    tmp_path: Path, path: str
) -> None:
    with pytest.raises(StorageError, match=f"^{tmp_path / path}: cannot be used: No such file"):
        SqliteStorage(tmp_path / path).open()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"rubbish", b"rubbish\n" * 1000])
@pytest.mark.parametrize("suffix", ["", "-lock"])
def test_a_refused_file_is_unchanged_and_named(path: Path, content: bytes, suffix: str) -> None:
    """A broken lock file is no reason to remove the database."""
    a_database(path)
    refused = path.with_name(path.name + suffix)
    refused.write_bytes(content)
    there = {each: each.read_bytes() for each in path.parent.iterdir()}
    with pytest.raises(StorageError, match=f"^{refused}: damaged: "):
        SqliteStorage(path).open()
    assert {each: each.read_bytes() for each in path.parent.iterdir()} == there


def test_a_store_that_starts_and_stops_at_once_leaves_a_database(path: Path) -> None:
    nothing(path)
    store = ChannelEventStore(replace(FakeNode().config, storage=SqliteStorage(path)))
    store.start()
    stop(store)
    assert names(path) == {"fitness.db", "fitness.db-lock"}
