"""Non-blocking output to readers that may stall or go away, wake-ups and signals."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chanfitness.terminal import nonblocking_output
from chanfitness.terminal.nonblocking_output import LIMIT, NonblockingOutput, left_out_notice
from chanfitness.terminal.wakeup import Signals, Wakeup

from ..support.stores import WAIT, Call, call_together
from ..support.watch_sessions import Pipe

MUCH = "x" * 10**6


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with Pipe() as pipe:
        yield pipe


@pytest.fixture
def wakeup() -> Iterator[Wakeup]:
    with Wakeup() as wakeup:
        yield wakeup


def write_all(output: NonblockingOutput, wakeup: Wakeup) -> None:
    while output.pending:
        wakeup.wait(WAIT, [output])


# NonblockingOutput.


def test_text_is_written_in_order(pipe: Pipe, wakeup: Wakeup) -> None:
    output = NonblockingOutput(pipe.writer)
    output.write("one\n")
    output.write("two \u20ac \udcff\n")
    write_all(output, wakeup)
    assert [pipe.read_line(), pipe.read_line()] == ["one", "two \u20ac \\udcff"]


def test_a_reader_that_reads_gets_everything(pipe: Pipe, wakeup: Wakeup) -> None:
    output = NonblockingOutput(pipe.writer)
    reading = Call(pipe.read_all)
    output.write(MUCH)
    write_all(output, wakeup)
    output.finish(0)
    assert reading.result() == MUCH


def test_a_stalled_reader_does_not_block_the_writer(pipe: Pipe, wakeup: Wakeup) -> None:
    output = NonblockingOutput(pipe.writer)
    output.write(MUCH)
    for _ in range(1000):
        wakeup.wait(0, [output])
    output.go_on(select.POLLOUT)  # although the pipe is full
    assert output.pending
    output.finish(0.01)
    assert output.pending
    assert output.error is None
    assert 2**12 <= len(pipe.read_all()) < len(MUCH)


def test_unread_text_is_bounded_and_dropped_lines_are_counted(pipe: Pipe, wakeup: Wakeup) -> None:
    """Such a reader is a pager that nobody scrolls for a week."""
    output = NonblockingOutput(pipe.writer)
    lines = [f"line {number}\n" for number in range(400_000)]
    with bounded_growth(4 * LIMIT):
        for number, line in enumerate(lines):
            output.write(line)
            if number % 1000 == 0:
                wakeup.wait(0, [output])
    assert output.full
    reading = Call(pipe.read_all)
    write_all(output, wakeup)
    assert not output.full
    output.write("after\n")
    output.finish(WAIT)
    *kept, notice, after = reading.result().splitlines(keepends=True)
    assert kept == lines[: len(kept)]
    assert LIMIT <= len("".join(kept)) <= 2 * LIMIT
    assert (notice, after) == (left_out_notice(len(lines) - len(kept)), "after\n")


def test_a_slow_reader_gets_a_notice_at_each_gap(
    pipe: Pipe, wakeup: Wakeup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nonblocking_output, "LIMIT", 100)
    output = NonblockingOutput(pipe.writer)
    for number in range(100):
        output.write(f"{number}\n")
        if number % 50 == 49:
            write_all(output, wakeup)
    output.finish(WAIT)
    assert pipe.read_all().splitlines() == [
        *map(str, range(37)),
        "... and 13 more lines, left out because the reader did not keep up",
        *map(str, range(50, 84)),
        "... and 16 more lines, left out because the reader did not keep up",
    ]


def test_a_full_buffer_without_dropped_lines_gives_no_notice(pipe: Pipe, wakeup: Wakeup) -> None:
    output = NonblockingOutput(pipe.writer)
    reading = Call(pipe.read_all)
    output.write("x" * LIMIT + "\n")
    assert output.full
    write_all(output, wakeup)
    output.finish(0)
    assert reading.result() == "x" * LIMIT + "\n"


def test_text_for_a_reader_that_went_away_is_not_kept(pipe: Pipe) -> None:
    output = NonblockingOutput(pipe.writer)
    pipe.stop_reading()
    output.go_on(select.POLLERR)
    with bounded_growth(4 * LIMIT):
        for _ in range(100):
            output.write(MUCH)


@contextmanager
def bounded_growth(limit: int) -> Iterator[None]:
    """Fail if memory grows by more than ``limit`` bytes at any moment."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit


def test_the_rest_is_written_at_the_end(pipe: Pipe) -> None:
    output = NonblockingOutput(pipe.writer)
    output.write(MUCH)
    reading = Call(pipe.read_all)
    output.finish(WAIT)
    assert not output.pending
    assert reading.result() == MUCH


def test_a_reader_that_goes_away_is_noticed_without_a_write(pipe: Pipe, wakeup: Wakeup) -> None:
    output = NonblockingOutput(pipe.writer)
    pipe.stop_reading()
    wakeup.wait(WAIT, [output])
    assert isinstance(output.error, BrokenPipeError)
    output.write("more")
    assert not output.pending
    wakeup.ring()
    wakeup.wait(WAIT, [output])  # the output is no longer polled


def test_a_reader_that_goes_away_is_noticed_by_a_write(pipe: Pipe) -> None:
    output = NonblockingOutput(pipe.writer)
    output.write("more")
    pipe.stop_reading()
    output.finish(WAIT)
    assert isinstance(output.error, BrokenPipeError)
    assert not output.pending


def test_a_closed_terminal_counts_as_a_reader_that_went_away() -> None:
    ours, theirs = os.openpty()
    output = NonblockingOutput(theirs)
    os.close(ours)
    output.write("more")
    output.finish(WAIT)
    os.close(theirs)
    assert isinstance(output.error, BrokenPipeError)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_other_errors_are_kept() -> None:
    with open("/dev/full", "wb") as full:
        output = NonblockingOutput(full.fileno())
        output.write("more")
        output.finish(WAIT)
    assert output.error is not None
    assert not isinstance(output.error, BrokenPipeError)
    assert output.error.strerror == "No space left on device"


def test_shared_open_files_stay_blocking(pipe: Pipe) -> None:
    NonblockingOutput(pipe.writer).finish(0)
    assert os.get_blocking(pipe.writer)


def test_sockets_and_files_are_written_without_reopening(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "file").open("wb") as file:
        file.write(b"before ")
        file.flush()
        for descriptor in (theirs.fileno(), file.fileno()):
            output = NonblockingOutput(descriptor)
            assert output.fileno() == descriptor
            output.write("more")
            output.finish(WAIT)
        assert ours.recv(100) == b"more"
    assert (tmp_path / "file").read_bytes() == b"before more"


def test_two_outputs_of_one_pipe_do_not_block(pipe: Pipe, wakeup: Wakeup) -> None:
    outputs = NonblockingOutput(pipe.writer), NonblockingOutput(pipe.writer)
    for output in outputs:
        output.write(MUCH)
    for _ in range(1000):
        wakeup.wait(0, outputs)
    assert all(output.pending for output in outputs)
    for output in outputs:
        output.finish(0)


# Wakeup.


def test_a_wait_ends_with_its_timeout(wakeup: Wakeup) -> None:
    wakeup.wait(0)
    wakeup.wait(0.001)


def test_a_ring_ends_the_current_or_the_next_wait(wakeup: Wakeup) -> None:
    waiting = Call(wakeup.wait, None)
    wakeup.ring()
    waiting.result()
    wakeup.ring()
    Call(wakeup.wait, None).result()


def test_no_ring_is_lost(wakeup: Wakeup) -> None:
    """After a wait, the waiting thread sees what was done before the ring."""
    done = [0, 0]

    def do(number: int) -> None:
        for _ in range(2000):
            done[number] += 1
            wakeup.ring()

    def look() -> None:
        while done != [2000, 2000]:
            wakeup.wait(WAIT)

    call_together(lambda: do(0), lambda: do(1), look)


def test_a_ring_after_the_exit_does_nothing() -> None:
    with Wakeup() as wakeup:
        pass
    wakeup.ring()


# Signals.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_sets_a_flag_and_ends_a_wait(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Signals([number]) as signals:
        threading.Timer(0, os.kill, [os.getpid(), number]).start()
        while signals.received is None:
            signals.wait(WAIT)
        assert signals.received == number
    assert signal.getsignal(number) is before


def test_many_signals_and_rings_do_not_block() -> None:
    with Signals() as signals:
        for _ in range(10_000):
            signal.raise_signal(signal.SIGTERM)
        signals.ring()
        signals.wait(WAIT)
    assert signals.received == signal.SIGTERM
