"""Fuzzing of database files: a typed error, or plausible answers.

A damaged file never hangs a start and never takes unbounded memory. A refused file is
unchanged.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

from chanfitness import ChannelInfo, OpenChannel, StorageError
from chanfitness.core.saved_state import MICROSECOND
from chanfitness.reports.formats import report
from chanfitness.reports.loading import load_database
from chanfitness.reports.tables import CHANNELS, CLOSED, OUTAGES, PEERS
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.fuzzing import bounded_memory
from ..support.lengths import length
from ..support.persistent_stores import HOUR, ZERO, watching
from ..support.random_seeds import SEED, different_seeds, replayable
from ..support.stores import WAIT, Call
from ..support.values import CHANNEL_1, vertex

__all__ = ["bounded_memory"]

T = TypeVar("T")

PAGE = 4096
SUFFIXES = ["", "-wal", "-shm", "-lock"]
Files = dict[str, bytes]
Damage = Callable[[bytearray, random.Random], object]


Figures = list[tuple[float, float]]

RUN = (2.0, 1.0)
"""The hours of each run, and of them the hours that each peer is online."""

MERGED: Figures = [(4, 2), (4, 2), (2, 1)]
"""Lifetime and uptime of each channel, in hours, after two runs; the third missed one."""

WHOLE: Figures = [(6, 3), (4, 2), (4, 2)]
"""After three runs; the second channel missed the last."""


class Stored(NamedTuple):
    """The files that a killed store left, and the true state.

    ``files``: the third run is in the log alone. ``merged``: the database alone, with its log
    merged into it.
    """

    files: Files
    merged: Files
    channels: list[OpenChannel]
    now: datetime


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """Make files with three runs of a node, a row in every table, and a log that is not merged."""
    path, node = tmp_path_factory.mktemp("stored") / "db", FakeNode()
    channels = [node.open_channel(node.new_peer()) for _ in range(3)]
    a_run(node, path, channels)
    node.advance(days=91)  # closed channels can no longer come back
    a_run(node, path, channels, missing=channels[2])
    with closing(sqlite3.connect(path)) as database:
        database.execute("BEGIN")
        database.execute("SELECT * FROM state").fetchall()  # keeps what it reads in the log
        a_run(node, path, channels, missing=channels[1])
        database.rollback()
        database.execute("INSERT INTO channel_ids VALUES ('1x1x1', ?)", [str(channels[0][0])])
        database.execute("UPDATE peers SET flap_count = flap_count + 1")
        database.commit()
        files = files_at(path)
    return Stored(files, {"": path.read_bytes()}, channels, node.clock.now())


def a_run(
    node: FakeNode, path: Path, channels: list[OpenChannel], missing: OpenChannel | None = None
) -> None:
    """Run a store for two hours without ``missing``, and close a channel; then stop for an hour."""
    shown = [each for each in channels if each is not missing]
    with watching(node, path, get_open_channels=shown.copy, history_limit=25) as store:
        closes = node.open_channel(channels[0].peer)
        for channel in channels:
            node.describe_peer(channel.peer, alias="name", transport="tor")
            number = int(channel.channel_point.txid, 16)
            node.describe_channel(
                channel, short_channel_id=f"{number}x1x0", capacity=7, private=True
            )
        flap(node, channels)
        node.close_channel(closes)
        assert store.list_channels(timeout=WAIT)
    node.advance(hours=1)


def flap(node: FakeNode, channels: list[OpenChannel]) -> None:
    for number in range(20):
        for channel in channels:
            (node.peer_offline if number % 2 else node.peer_online)(channel.peer)
            (node.channel_active if number % 4 else node.channel_inactive)(channel)
        node.advance(hours=0.1)


def files_at(path: Path) -> Files:
    """Return the database file and the files beside it."""
    files = {suffix: path.with_name(path.name + suffix) for suffix in SUFFIXES}
    return {suffix: file.read_bytes() for suffix, file in files.items() if file.is_file()}


def put(path: Path, files: Files) -> None:
    for suffix in SUFFIXES:
        file = path.with_name(path.name + suffix)
        file.unlink(missing_ok=True)
        if suffix in files:
            file.write_bytes(files[suffix])


def answers(path: Path, stored: Stored) -> Figures | None:
    """Return plausible lifetimes and uptimes of all channels, or None if the file is refused."""
    node = FakeNode()
    node.clock.set(stored.now)
    for channel in stored.channels:
        node.open_channel(channel.peer, channel.channel_point)
    before = files_at(path)
    with suppress(StorageError):
        overview = load_database(str(path), HOUR, outages=True)
        for table in (CHANNELS, OUTAGES, PEERS, CLOSED):
            assert report(table, overview).render("text", None)
    try:
        infos = {info.channel_point: info for info in Call(ask_everything, node, path).result()}
    except StorageError as error:
        refusal = str(error)
        assert refusal.startswith(str(path))
        assert refusal.isprintable()
        assert "-wal" in before or is_left_as_it_was(before[""], files_at(path)[""])
        return None
    assert infos.keys() == {point for point, _ in stored.channels}
    assert all(infos[point].peer == peer for point, peer in stored.channels)
    each = [infos[point] for point, _ in stored.channels]
    return [(info.lifetime / HOUR, info.uptime / HOUR) for info in each]


def is_left_as_it_was(before: bytes, after: bytes) -> bool:
    """Compare all but the header, a counter; SQLite fills a truncated page with zeros."""
    return after[100 : len(before)] == before[100:] and not any(after[len(before) :])


def ask_everything(node: FakeNode, path: Path) -> list[ChannelInfo]:
    with watching(node, path) as store:
        assert all(peer.flap_count >= 0 for peer in store.list_peers(timeout=WAIT))
        infos = store.list_channels(timeout=WAIT)
        for info in infos:
            assert ZERO <= info.usable <= info.uptime <= info.lifetime
            for window in (None, HOUR, 1000 * HOUR):
                point = info.channel_point
                history = store.get_history(point, window=window, timeout=WAIT)
                assert ZERO <= history.usable <= history.uptime <= history.lifetime
                spans = *history.outages, *history.unusable_spans
                assert all(span.duration >= ZERO for span in spans)
        store.get_overview(timeout=WAIT)
        return infos


def test_undamaged_files_are_answered(tmp_path: Path, stored: Stored) -> None:
    path = tmp_path / "db"
    for files, figures, runs in (
        (stored.merged, WHOLE, 3),
        (stored.files, WHOLE, 3),
        ({"": stored.files[""]}, MERGED, 2),
    ):
        put(path, files)
        _, closed = read(path)
        assert sum(row.closed_unseen for row in closed) == 1
        told = [row for row in closed if not row.closed_unseen]
        times = [(row.lifetime * MICROSECOND, row.uptime * MICROSECOND) for row in told]
        assert [(lifetime / HOUR, uptime / HOUR) for lifetime, uptime in times] == [RUN] * runs
        assert answers(path, stored) == figures


# Pages


def a_page(data: bytearray, rng: random.Random) -> slice:
    begin = rng.randrange(len(data) // PAGE) * PAGE
    return slice(begin, begin + PAGE)


def zero(data: bytearray, rng: random.Random) -> None:
    data[a_page(data, rng)] = bytes(PAGE)


def swap(data: bytearray, rng: random.Random) -> None:
    one, other = a_page(data, rng), a_page(data, rng)
    data[one], data[other] = data[other], data[one]


def copy(data: bytearray, rng: random.Random) -> None:
    data[a_page(data, rng)] = data[a_page(data, rng)]


def garbage(data: bytearray, rng: random.Random) -> None:
    begin, size = rng.randrange(len(data)), rng.choice([2, 8, 64, PAGE])
    data[begin : begin + size] = rng.randbytes(size)


def scatter(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice([2, 10, 100])):
        data[rng.randrange(len(data))] = rng.randrange(256)


def truncate(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def extend(data: bytearray, rng: random.Random) -> None:
    data += rng.randbytes(rng.choice([1, PAGE, 3 * PAGE + 1]))


DAMAGES: list[Damage] = [zero, swap, copy, garbage, garbage, scatter, scatter, truncate, extend]


def test_damaged_pages_are_detected_or_give_plausible_answers(
    tmp_path: Path, stored: Stored
) -> None:
    """SQLite has no checksums: some damage changes figures, but most leaves them."""
    path, found = tmp_path / "db", []
    for seed in different_seeds(length(60, 5_000)):
        rng = random.Random(seed)
        data = bytearray(stored.merged[""])
        rng.choice(DAMAGES)(data, rng)
        put(path, {"": bytes(data)})
        with replayable(seed):
            found.append(answers(path, stored))
    accepted = [figures for figures in found if figures is not None]
    if len(found) > 1:
        assert len(accepted) < len(found)
        assert accepted.count(WHOLE) > len(accepted) / 2


# The files beside the database


def test_with_a_damaged_log_at_least_the_merged_state_is_there(
    tmp_path: Path, stored: Stored
) -> None:
    path = tmp_path / "db"
    for seed in different_seeds(length(30, 2_000)):
        rng = random.Random(seed)
        data = bytearray(stored.files["-wal"])
        rng.choice([garbage, scatter, truncate])(data, rng)
        put(path, stored.files | {"-wal": bytes(data)})
        with replayable(seed):
            assert answers(path, stored) in (MERGED, WHOLE)


def test_a_damaged_index_of_the_log_is_rebuilt(tmp_path: Path, stored: Stored) -> None:
    path = tmp_path / "db"
    for seed in different_seeds(length(20, 1_000)):
        rng = random.Random(seed)
        data = bytearray(stored.files["-shm"])
        rng.choice([garbage, scatter, truncate, extend])(data, rng)
        put(path, stored.files | {"-shm": bytes(data)})
        with replayable(seed):
            assert answers(path, stored) == WHOLE


@pytest.mark.parametrize("content", [b"", b"\0", b"x" * 99, b"x" * PAGE])
def test_a_damaged_lock_is_refused(tmp_path: Path, stored: Stored, content: bytes) -> None:
    path = tmp_path / "db"
    put(path, stored.merged | {"-lock": content})
    assert answers(path, stored) == (None if content else WHOLE)


def test_a_lock_that_is_no_file_is_refused(tmp_path: Path, stored: Stored) -> None:
    path = tmp_path / "db"
    put(path, stored.merged)
    (tmp_path / "db-lock").mkdir()
    assert answers(path, stored) is None


# Cells

OF_FIGURES = ["state", "segments", "peers", "channels"]
"""The tables with lifetimes and uptimes."""

HUGE, YEAR = 2**63 - 1, 365 * 86400 * 10**6
NUMBERS: list[object] = [None, -1, 0, 1, 7, 2**31, HUGE, -HUGE - 1, YEAR, -YEAR, 1.5, float("inf")]
TEXTS: list[object] = ["", "text", "1", "x" * 10**5, "\0", str(CHANNEL_1), f"{CHANNEL_1.txid}:9"]
BLOBS: list[object] = [b"", b"\xff", bytes(vertex(2)), bytes(34), bytes(10**5)]
GAPS: list[object] = [
    "[",
    "[" * 100_000,
    "{}",
    "null",
    "[[0]]",
    "[[1, 0]]",
    "[[0, 1]]",
    "[[0, 3600000000]]",
    "[[0, 3600000000], [0, 3600000000], [0, 3600000000]]",
    "[[-5, -1]]",
    "[[0.5, 1.5]]",
    "[[null, true]]",
    "[[NaN, Infinity]]",
    "[[0, 1e999]]",
    f"[[0, {HUGE}]]",
    f"[[0, {'9' * 5000}]]",
]


@pytest.fixture(scope="module")
def columns(stored: Stored, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Return the tables and their columns."""
    path = tmp_path_factory.mktemp("columns") / "db"
    put(path, stored.merged)
    with closing(sqlite3.connect(path)) as database:
        return database.execute(
            "SELECT schema.name, field.name FROM sqlite_schema AS schema,"
            " pragma_table_info(schema.name) AS field WHERE schema.type = 'table'"
        ).fetchall()


def test_cells_of_any_content_are_refused_or_give_plausible_answers(
    tmp_path: Path, stored: Stored, columns: list[tuple[str, str]]
) -> None:
    path = tmp_path / "db"
    cases = list(itertools.product(columns, NUMBERS + TEXTS + BLOBS + GAPS, [True, False]))
    for (table, column), value, in_all_rows in chosen(cases):
        put(path, stored.merged)
        if set_cells(path, table, column, value, in_all_rows=in_all_rows):
            try:
                found = answers(path, stored)
                assert table in OF_FIGURES or found in (None, WHOLE)
            except Exception as error:
                what = f"{table}.{column} = {value!r:.50}, in all rows: {in_all_rows}"
                raise AssertionError(f"{what}: {error!r}") from error


def chosen(cases: list[T]) -> list[T]:
    """Return all, or some at random."""
    return random.Random(SEED).sample(cases, length(150, len(cases)))


def set_cells(path: Path, table: str, column: str, value: object, *, in_all_rows: bool) -> bool:
    """Return whether the table accepts the value in these cells."""
    with closing(sqlite3.connect(path)) as database:
        keys = ", ".join(
            name
            for _, name, _, _, _, in_key in database.execute(f"PRAGMA table_info({table})")
            if in_key
        )
        last = f"({keys}) = (SELECT {keys} FROM {table} ORDER BY 1 DESC LIMIT 1)"
        try:
            database.execute(
                f"UPDATE {table} SET {column} = ? WHERE ? OR {last}", (value, in_all_rows)
            )
        except sqlite3.IntegrityError:
            return False
        database.commit()
        return True
