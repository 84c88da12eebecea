"""A node with a long outage of its peer, killed at a line of the code of alerts, then restarted.

Run by test_crash.py; arguments: a folder and numbers of lines. Each number is a round of two
processes. The first is killed at that line of the code, or ends; the second continues with its
database. A round prints one JSON line: whether the first was killed, and the kinds and texts
of the messages of each.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import FrameType
from typing import Any

from chanfitness import ChannelEventStore, ManualClock, SqliteStorage
from chanfitness.alerts import Alerts, Message
from chanfitness.testing import FakeNode

BEGUN = datetime(2026, 1, 1, tzinfo=timezone.utc)
FOLDER = f"{os.sep}alerts{os.sep}"
WAIT = 30.0


class KillAtLine:
    """Kills this process at the line with that number, counted over all threads."""

    def __init__(self, number: int) -> None:
        self._left = number
        self._lock = threading.Lock()

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if FOLDER not in frame.f_code.co_filename:
            return None
        if event == "line":
            with self._lock:
                self._left -= 1
                if not self._left:
                    os.kill(os.getpid(), signal.SIGKILL)
        return self


def in_a_process(run: Callable[[], object]) -> bool:
    """Run ``target`` in a process of its own, and return whether it was killed."""
    pid = os.fork()
    if not pid:
        run()
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or status == 0, status
    return os.WIFSIGNALED(status)


class Life:
    """One process with the node; its messages go to a file and a queue."""

    def __init__(self, folder: Path, name: str, begun: datetime, *, online: bool) -> None:
        self._file = folder / name
        self.told: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.node = FakeNode(ManualClock(begun))
        self.peer = self.node.new_peer(online=online)
        self.node.open_channel(self.peer)
        storage = SqliteStorage(folder / "fitness.db")
        self.store = ChannelEventStore(replace(self.node.config, storage=storage))
        self.alerts = Alerts(self.tell, storage=storage)

    def tell(self, message: Message) -> None:
        with self._file.open("a") as file:
            file.write(json.dumps([message.kind, message.text]) + "\n")
        self.told.put(message)

    def look_after(self, **period: float) -> None:
        self.node.advance(**period)
        self.alerts.look()


def first_life(folder: Path, number: int) -> None:
    life = Life(folder, "first", BEGUN, online=True)
    kill = KillAtLine(number)
    threading.settrace(kill)
    sys.settrace(kill)
    life.store.start()
    life.alerts.start(life.store)
    life.look_after(hours=1)
    life.node.peer_offline(life.peer)
    life.look_after(hours=7)
    life.told.get(timeout=WAIT)
    life.alerts.stop()
    life.store.stop()


def second_life(folder: Path) -> None:
    life = Life(folder, "second", BEGUN + timedelta(hours=9), online=False)
    life.store.start()
    life.alerts.start(life.store)
    life.look_after(hours=1)
    life.look_after(hours=7)
    life.node.peer_online(life.peer)
    life.look_after(hours=1)
    while life.told.get(timeout=WAIT).kind != "peer_back":
        pass
    life.alerts.stop()
    life.store.stop()


def told(file: Path) -> list[list[str]]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line) for line in lines]


def main() -> None:
    parent = Path(sys.argv[1])
    for number in map(int, sys.argv[2:]):
        folder = parent / str(number)
        folder.mkdir()
        was_killed = in_a_process(lambda: first_life(folder, number))  # noqa: B023
        assert not in_a_process(lambda: second_life(folder))  # noqa: B023
        both = [told(folder / name) for name in ("first", "second")]
        sys.stdout.write(json.dumps([was_killed, *both]) + "\n")


if __name__ == "__main__":
    main()
