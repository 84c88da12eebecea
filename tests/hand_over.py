"""Callers, producers and stops at one store, and what must hold in whatever order they come.

What is checked must not depend on the order of steps that do not conflict, since
only one of these orders is run: so nothing here asks what came first, unless
steps show it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from chanfitness import (
    ChannelInfo,
    Config,
    NotStartedError,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    Reading,
    RequestTimeoutError,
    ShuttingDownError,
)
from chanfitness.selector import _END, _Source
from chanfitness.subscribe import ENDED

from .model import Model
from .schedules import Case
from .stepped import Accepted, SteppedNotifier, SteppedQueue, SteppedStore
from .stepping import CHANGE, LOOK, Party, Run, here
from .stores import QueueSubscription
from .values import ALICE, CHANNEL_1, SECOND, START

EVENTS = [PeerOnlineEvent(ALICE), PeerOfflineEvent(ALICE), PeerOnlineEvent(ALICE)]

Outcome = list[ChannelInfo] | type[Exception]
"""What a caller got: the answer to ``list_channels``, or an error."""


class StandingClock:
    """Stands still until a party moves it."""

    how = LOOK
    tick = 0 * SECOND

    def __init__(self) -> None:
        self.first: datetime | None = None
        """What it said first: to ``start()``."""
        self._now = START

    def now(self) -> datetime:
        here().step("reads the clock", (("clock", self.how),))
        self._now += self.tick
        self.first = self.first or self._now
        return self._now

    def advance(self) -> None:
        here().step("moves the clock", (("clock", CHANGE),))
        self._now += SECOND


class TickingClock(StandingClock):
    """Goes on whenever it is read: each order of readings has its own times."""

    how = CHANGE
    tick = SECOND

    def advance(self) -> None:
        """It does that by itself."""


class HandOver:
    """One run: a store, and what the parties do with it.

    ``witnessed``: callers and stops first look at what the source has accepted, and
    that must be handled before them.
    ``dies``: the loop does when it takes the first event.
    """

    def __init__(
        self,
        *,
        clock: type[StandingClock] = StandingClock,
        updates: Callable[[], SteppedQueue] = SteppedQueue,
        notifier: Callable[[], SteppedNotifier] | None = None,
        witnessed: bool = False,
        dies: bool = False,
        timeout: float | None = None,
    ) -> None:
        self.clock = clock()
        self.source: Any
        if notifier is None:
            self.source = QueueSubscription(updates())
            self._send: Callable[[object], None] = self.source.updates.put
        else:
            self.notifier = notifier()
            self.source = self.notifier.subscribe_peer_events()
            self._send = self.notifier.send_update
        self.store = SteppedStore(
            Config(
                subscribe_channel_events=lambda: self.source,
                subscribe_peer_events=lambda: self.source,
                get_open_channels=lambda: [OpenChannel(CHANNEL_1, ALICE)],
                clock=self.clock,
            )
        )
        self.outcomes: dict[Party, Outcome] = {}
        self._witnessed = witnessed
        self._dies = dies
        self._seen: dict[Party, int] = {}
        self._timeout = timeout

    # What parties do.

    def start(self) -> None:
        with suppress(ShuttingDownError):
            self.store.start()

    def ask(self) -> None:
        me = self._witness()
        try:
            self.outcomes[me] = self.store.list_channels(timeout=self._timeout)
        except (NotStartedError, RequestTimeoutError, ShuttingDownError) as error:
            self.outcomes[me] = type(error)

    def put(self, number: int) -> None:
        """The first ``number`` of ``EVENTS``, and move the clock after each."""
        for event in EVENTS[:number]:
            with suppress(ShuttingDownError):  # of the notifier
                self._send(event)
            self.clock.advance()

    def stop(self) -> None:
        """Nothing is answered after it, and the loop has ended."""
        self._witness()
        self.store.stop()
        thread = self.store._thread
        assert thread is None or not thread.is_alive(), "the loop goes on after stop()"
        try:
            self.store.list_channels()
        except ShuttingDownError:
            return
        raise AssertionError("a question is answered after stop()")

    def _witness(self) -> Party:
        me = here().current
        assert me is not None
        if self._witnessed:
            here().step("looks at the source", (("source", LOOK),))
            self._seen[me] = len(self.accepted)
        return me

    # What must hold in the end.

    @property
    def accepted(self) -> list[Accepted]:
        """What the source accepted, and from whom."""
        accepted: list[Accepted] = self.source.updates.queue.accepted
        return accepted

    def check(self) -> None:
        """Promises 1 to 4 and 8, by the order in which the ready list accepted what was put."""
        answers, handled = self._expected()
        for party, outcome in self.outcomes.items():
            if isinstance(outcome, list):
                assert outcome == answers.get(party), f"{party.name} is told {outcome}"
            else:
                is_late = self._timeout is not None
                assert is_late or party not in answers, f"{party.name} is told {outcome}"
        self._check_source(handled)

    def _expected(self) -> tuple[dict[Party, list[ChannelInfo]], int]:
        """What must be answered to whom, and how many events must be handled."""
        start = _reading(self.clock.first or START)
        model = Model(start)
        model.put(OpenChannelEvent(CHANNEL_1, ALICE), start)
        answers: dict[Party, list[ChannelInfo]] = {}
        handled = 0
        for party, (what, moment) in self._ready():
            if isinstance(what, _Source):
                if self._dies:
                    break
                event = self.accepted[handled]
                assert _is_note_of(event, party), "an event has the time of another"
                handled += 1
                if event.item is not ENDED:
                    model.put(event.item, _reading(moment))
            else:
                assert party is not None, "a question of nobody"
                assert handled >= self._seen.get(party, 0), f"{party.name} is handled too early"
                if what is _END:
                    break
                answers[party] = model.list_all(_reading(moment))
        return answers, handled

    def _ready(self) -> list[Accepted]:
        """What the ready list accepted; without a loop that is nothing."""
        if self.store._thread is None:
            return []
        ready: Any = self.store._selector._ready
        accepted: list[Accepted] = ready.accepted
        return accepted

    def _check_source(self, handled: int) -> None:
        """What was put later is left there, counted, and nothing watches any more."""
        updates = self.source.updates
        left = [each.item for each in self.accepted[handled:]]
        assert list(updates.queue) == left, f"{updates.queue} is left, not {left}"
        assert updates.unfinished_tasks == len(left), "the source miscounts what is unfinished"
        assert not updates.maxsize or updates.queue.most <= updates.maxsize, "more than its bound"
        assert "_put" not in vars(updates), "the source is still hooked"
        assert getattr(updates, "watcher", None) is None, "the source is still watched"
        assert self._cancels() == hasattr(self.store, "_selector"), "cancelled, or not"

    def _cancels(self) -> int:
        source = self.source
        return source.cancels if isinstance(source, QueueSubscription) else source.quit.is_set()


def _is_note_of(event: Accepted, party: Party | None) -> bool:
    """Who puts an event notes it; what was put before the start, whoever starts the store."""
    return party is event.party or party is None or party.name == "start"


def _reading(moment: datetime) -> Reading:
    return Reading(moment, moment - START)


def add(run: Run, count: int, name: str, function: Callable[[], object]) -> list[Party]:
    """Add ``count`` parties that do the same."""
    parties: list[Party] = []
    for number in range(1, count + 1):
        parties.append(run.party(f"{name} {number}", function, parties[-1] if parties else None))
    return parties


def after(parties: list[Party], function: Callable[[], object]) -> Callable[[], object]:
    """Call ``function`` when all these parties have ended."""

    def wait() -> object:
        ends = tuple((("end", party.number), LOOK) for party in parties)
        here().step("has waited for others", ends, lambda: all(party.ended for party in parties))
        return function()

    return wait


def hand_over(
    callers: int,
    producers: int,
    stops: int,
    *,
    events: int = 1,
    is_running: bool = True,
    stops_last: bool = False,
    notifier_stops: bool = False,
    **options: Any,
) -> Case:
    """A case in which all these meet at a store. ``options``: of ``HandOver``.

    ``is_running``: else another party starts the store. ``stops_last``: when the
    producers have ended. ``notifier_stops``: another party stops the notifier.
    """

    def case(run: Run) -> Callable[[], object]:
        scene = HandOver(**options)
        if is_running:
            scene.store.start()
            run.settle()
        else:
            run.party("start", scene.start)
        add(run, callers, "caller", scene.ask)
        if notifier_stops:
            run.party("notifier", scene.notifier.stop)
        producing = add(run, producers, "producer", partial(scene.put, events))
        add(run, stops, "stop", after(producing, scene.stop) if stops_last else scene.stop)
        return scene.check

    return case


ASK_AND_STOP = hand_over(1, 0, 1)
ASK_AND_TWO_STOPS = hand_over(1, 0, 2)
ASK_PUT_AND_STOP = hand_over(1, 1, 1, witnessed=True)
START_AND_STOP = hand_over(0, 0, 1, is_running=False)
START_NOTIFY_AND_STOP = hand_over(
    0, 1, 1, is_running=False, notifier=SteppedNotifier, witnessed=True
)
