"""Exits, forks, interrupts and imports, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import dedent

import pytest

from chanfitness import ShuttingDownError
from chanfitness.testing import FakeNode

from .support.lengths import length

STORE = """
import os, queue, signal, sys, warnings
import chanfitness
from chanfitness import *
from tests.support.stores import QueueSubscription, make_store
from tests.support.values import *

clock = ManualClock(START)
source, notifier = QueueSubscription(), PeerNotifier()
store = make_store(
    source,
    notifier.subscribe_peer_events(),
    open_channels=[OpenChannel(CHANNEL_1, ALICE)],
    clock=clock,
)

def ask():
    info = store.get_chan_info(CHANNEL_1, ALICE, timeout=30)
    return info.lifetime // SECOND, info.uptime // SECOND
"""

FORK = """
def refusal(call, *arguments):
    try:
        call(*arguments)
    except ShuttingDownError as error:
        return str(error)

def check_in_child():
    signal.alarm(50)  # kills a child that hangs
    why = f"this store runs in process {parent}, not in a child of it"
    assert refusal(store.start) == why
    assert refusal(store.get_chan_info, CHANNEL_1, ALICE) == why
    assert refusal(store.list_channels) == why
    store.stop()
    source.updates.put("left alone")
    elsewhere = f"this server runs in process {parent}, not in a child of it"
    assert refusal(notifier.notify_peer_online, ALICE) == elsewhere
    assert refusal(notifier.subscribe_peer_events) == elsewhere
    assert source.updates.get_nowait() == "left alone"
    assert source.updates.qsize() == 0
    with make_store(source, clock=clock) as of_the_child:
        source.updates.put(OpenChannelEvent(CHANNEL_2, BOB))
        assert [info.peer for info in of_the_child.list_channels(timeout=30)] == [BOB]

parent = os.getpid()
# Python 3.12 warns of forks in a process with threads, which is what is tested.
warnings.simplefilter("ignore", DeprecationWarning)
"""


def run(*scripts: str) -> str:
    """Run the scripts in one process, which must succeed without a warning; return its output.

    Coverage does not follow, since its own tracer cannot be interrupted anywhere.
    """
    inherited = {
        name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")
    }
    text = "".join(dedent(script) for script in scripts)
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        env={**inherited, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.stderr, ended.returncode) == ("", 0)
    return ended.stdout


def test_a_script_without_stop_exits() -> None:
    """The loop's thread is a daemon thread."""
    printed = run(
        STORE,
        """
        store.start()
        notifier.notify_peer_online(ALICE)
        clock.advance(SECOND)
        print(*ask())
        """,
    )
    assert printed == "1 1\n"


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_of_the_test_process_is_refused() -> None:
    asleep = FakeNode().store
    with FakeNode() as node:
        child = os.fork()
        if not child:
            try:
                with pytest.raises(ShuttingDownError):
                    asleep.start()
                node.store.list_channels()
            except ShuttingDownError:
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert node.store.list_channels() == []


@needs_fork
def test_promise_4_a_child_of_fork_is_refused_and_the_parent_goes_on() -> None:
    printed = run(
        STORE,
        FORK,
        """
        store.start()
        source.updates.put(PeerOnlineEvent(ALICE))
        source.updates.join()  # so that the loop holds no queue's lock while we fork
        assert ask() == (0, 0)
        child = os.fork()
        if child == 0:
            check_in_child()
            sys.exit()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        clock.advance(SECOND)
        notifier.notify_peer_offline(ALICE)
        clock.advance(SECOND)
        print(*ask())
        store.stop()
        """,
    )
    assert printed == "2 1\n"


@needs_fork
@pytest.mark.parametrize("state", ["pass", "store.start(); ask(); store.stop()"])
def test_a_child_of_fork_is_refused_also_by_a_store_that_does_not_run(state: str) -> None:
    """Promise 4: for a store that has not started, and for one that has stopped."""
    run(
        STORE,
        FORK,
        state,
        """
        child = os.fork()
        if child == 0:
            check_in_child()
            sys.exit()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        """,
    )


@needs_fork
def test_promise_4_a_child_of_multiprocessing_is_refused_and_the_parent_goes_on() -> None:
    printed = run(
        STORE,
        FORK,
        """
        import multiprocessing
        with store:
            assert ask() == (0, 0)
            child = multiprocessing.get_context("fork").Process(target=check_in_child)
            child.start()
            child.join(50)
            assert child.exitcode == 0
            clock.advance(SECOND)
            print(*ask())
        """,
    )
    assert printed == "1 0\n"


@needs_fork
def test_publishing_in_a_child_is_refused_though_a_put_was_interrupted_by_the_fork() -> None:
    """Promise 4: the notifier's lock stays locked in the child."""
    run(
        STORE,
        FORK,
        """
        import threading
        inside, go_on = threading.Event(), threading.Event()

        class SlowClock(ManualClock):
            def now(self):
                if threading.current_thread() is putting:
                    inside.set()
                    go_on.wait()
                return super().now()

        putting = threading.Thread(target=notifier.notify_peer_online, args=[ALICE])
        client = notifier.subscribe_peer_events()
        slow = make_store(client, clock=SlowClock(START))
        with slow:
            putting.start()
            inside.wait()
            child = os.fork()
            if child == 0:
                signal.alarm(50)
                why = f"this server runs in process {parent}, not in a child of it"
                assert refusal(notifier.notify_peer_online, ALICE) == why
                assert client.quit.is_set()
                assert repr(client.updates.get_nowait()) == "subscribe.ENDED"
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            go_on.set()
            putting.join()
            assert slow.get_peer_info(ALICE, timeout=30).online
        """,
    )


@pytest.mark.parametrize("patch", ["patch_all()", "patch_all(queue=False)"])
def test_patched_threads_of_gevent_are_refused(patch: str) -> None:
    """They would wait for the loop on the thread that is to run it."""
    pytest.importorskip("gevent")
    printed = run(
        f"""
        import gevent.monkey
        gevent.monkey.{patch}
        from chanfitness import ChanFitnessError
        from chanfitness.testing import FakeNode
        try:
            FakeNode().store.start()
        except ChanFitnessError as error:
            print(error)
        """
    )
    assert printed.startswith("gevent has replaced threads and queues")


def test_gevent_without_patched_threads_is_accepted() -> None:
    pytest.importorskip("gevent")
    run(
        """
        import gevent.monkey
        from chanfitness.testing import FakeNode
        with FakeNode() as node:
            assert node.store.list_channels(timeout=30) == []
        """
    )


def test_patched_threads_of_eventlet_are_refused() -> None:
    """A stand-in reports the patching, since eventlet need not be installed."""
    printed = run(
        """
        import sys, types
        sys.modules["eventlet.patcher"] = types.SimpleNamespace(
            is_monkey_patched=lambda name: name == "thread"
        )
        from chanfitness import ChanFitnessError
        from chanfitness.testing import FakeNode
        try:
            FakeNode().store.start()
        except ChanFitnessError as error:
            print(error)
        """
    )
    assert printed.startswith("eventlet has replaced threads and queues")


INTERRUPT = f"""
import itertools

def interrupt(*_):
    raise KeyboardInterrupt

def until_interrupted(do, after):
    try:
        signal.setitimer(signal.ITIMER_REAL, after)
        while True:
            do()
    except KeyboardInterrupt:
        pass

signal.signal(signal.SIGALRM, interrupt)
interrupts = {length(400, 4_000)}
"""


def test_a_question_may_be_interrupted_anywhere() -> None:
    """Promises 2 and 4: later answers are exact, and stop() returns."""
    printed = run(
        STORE,
        INTERRUPT,
        """
        store.start()
        notifier.notify_peer_online(ALICE)
        for number in range(1, interrupts + 1):
            until_interrupted(ask, after=(number % 40 + 1) * 1e-5)
            clock.advance(SECOND)
            assert ask() == (number, number)
            assert store.list_channels(timeout=30)[0].lifetime == number * SECOND
        store.stop()
        print("stopped")
        """,
    )
    assert printed == "stopped\n"


def test_a_notifier_may_be_interrupted_anywhere() -> None:
    """Promises 2 and 4: the queue's lock is released, and no time is lost."""
    printed = run(
        STORE,
        INTERRUPT,
        """
        flap = itertools.cycle([notifier.notify_peer_offline, notifier.notify_peer_online])
        store.start()
        for number in range(1, interrupts + 1):
            until_interrupted(lambda: next(flap)(ALICE), after=(number % 40 + 1) * 1e-5)
            notifier.notify_peer_online(ALICE)
            clock.advance(SECOND)
            assert ask() == (number, number)
        store.stop()
        print("stopped")
        """,
    )
    assert printed == "stopped\n"


def test_the_import_prints_nothing() -> None:
    assert run("import chanfitness") == ""


def test_the_import_needs_no_optional_package() -> None:
    printed = run(
        """
        import sys
        before = set(sys.modules)
        import chanfitness
        imported = {name.partition(".")[0] for name in set(sys.modules) - before}
        print(*sorted(imported - sys.stdlib_module_names))
        """
    )
    assert set(printed.split()) <= {"chanfitness", "typing_extensions"}


def test_a_warning_is_not_printed_while_logging_is_not_configured() -> None:
    """Python's handler of last resort would print it."""
    printed = run(
        STORE,
        """
        with store:
            source.updates.put(ClosedChannelEvent(CHANNEL_2, BOB))
            source.updates.put("nonsense")
            print(*ask())
        """,
    )
    assert printed == "0 0\n"
