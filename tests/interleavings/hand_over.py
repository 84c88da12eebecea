"""Callers, producers and stops at one store, and what must hold in whatever order they come.

What is checked must not depend on the order of steps that do not conflict, since
only one of these orders is run: so nothing here asks what came first, unless
steps show it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from chanfitness import (
    ChannelInfo,
    Config,
    InactiveChannelEvent,
    MonitoringPausedEvent,
    NotStartedError,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    Reading,
    RequestTimeoutError,
    ShuttingDownError,
)
from chanfitness.core.loop import Question
from chanfitness.core.selector import _END, _NEXT
from chanfitness.core.watchable_queue import WatchableQueue
from chanfitness.subscribe import ENDED

from ..support.blame_model import BlameModel
from ..support.model import Model
from ..support.stores import QueueSubscription
from ..support.values import ALICE, CHANNEL_1, SECOND, START
from .stepped import Accepted, SteppedNotifier, SteppedQueue, SteppedStore
from .stepping import CHANGE, LOOK, Party, here

EVENTS = [PeerOnlineEvent(ALICE), PeerOfflineEvent(ALICE), PeerOnlineEvent(ALICE)]
GRACE = 2 * SECOND
UNUSABLE = [PeerOnlineEvent(ALICE), InactiveChannelEvent(CHANNEL_1), PeerOfflineEvent(ALICE)]
LATE_PAUSE = [PeerOnlineEvent(ALICE), MonitoringPausedEvent(at=START)]

Outcome = list[ChannelInfo] | type[Exception]
"""What a caller got: the answer to ``list_channels``, or an error."""


class StandingClock:
    """Stands still until a party moves it."""

    how = LOOK
    tick = 0 * SECOND

    def __init__(self) -> None:
        self.readings: list[tuple[Party | None, datetime]] = []
        """What it said, and to whom; first to ``start()``."""
        self._now = START

    def now(self) -> datetime:
        here().step("reads the clock", (("clock", self.how),))
        self._now += self.tick
        self.readings.append((here().current, self._now))
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


class PlainModel:
    """Of a store that decides nothing."""

    def __init__(self, start: Reading) -> None:
        self._model = Model(start)
        self._model.put(OpenChannelEvent(CHANNEL_1, ALICE), start)

    def put(self, event: Any, moment: datetime) -> None:
        self._model.put(event, _reading(moment))

    def list_all(self, moment: datetime) -> list[ChannelInfo]:
        return self._model.list_all(_reading(moment))


class GraceModel:
    """Of a store that awaits peers."""

    def __init__(self, start: Reading) -> None:
        channels = [OpenChannel(CHANNEL_1, ALICE)]
        self._model = BlameModel(start.utc, channels, [], own_outage=None, return_grace=GRACE)

    def put(self, event: Any, moment: datetime) -> None:
        self._model.put(event, moment)

    def list_all(self, moment: datetime) -> list[ChannelInfo]:
        self._model.ask(moment)
        outcome = self._model.outcome(
            history=None, history_limit=1, flap_factor=1.0, flap_period=SECOND
        )
        return outcome.list_channels()


class HandOver:
    """One run: a store, and what the parties do with it.

    ``witnessed``: callers and stops first look at what the source has accepted, and
    that must be handled before them.
    ``dies``: the loop does when it takes the first event.
    ``events``: what producers put. ``awaits``: the store does, for ``GRACE``.
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
        events: list[Any] = EVENTS,
        awaits: bool = False,
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
                return_grace=GRACE if awaits else None,
            )
        )
        self.outcomes: dict[Party, Outcome] = {}
        self._witnessed = witnessed
        self._dies = dies
        self._seen: dict[Party, int] = {}
        self._sent = self._reached = 0  # sent, and surely to a client that was not cancelled
        self._timeout = timeout
        self._events = events
        self._model = GraceModel if awaits else PlainModel

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
        """The first ``number`` of the events, and move the clock after each."""
        for event in self._events[:number]:
            with suppress(ShuttingDownError):  # of the notifier
                self._send(event)
                self._sent += 1
                self._reached += not self._is_cancelled()
            self.clock.advance()

    def stop(self) -> None:
        """Nothing is answered after it, and the loop has ended."""
        self._witness()
        self.store.stop()
        assert all(loop.ended for loop in _loops()), "the loop goes on after stop()"
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
        """What the source accepted in its queue, and from whom."""
        accepted: list[Accepted] = self.source.updates.queue.accepted
        return accepted

    def check(self) -> None:
        """Promises 1 to 4 and 8, by the order in which the ready list accepted what was put."""
        answers, handled = self._expected()
        for party, outcome in self.outcomes.items():
            is_right = (
                outcome == answers.get(party)
                if isinstance(outcome, list)
                else self._may_be_raised(outcome, party in answers)
            )
            assert is_right, f"{party.name} is told {outcome}"
        self._check_moments()
        self._check_source(handled)

    def _may_be_raised(self, error: type[Exception], is_answered: bool) -> bool:
        """What was answered too late is given up: by a timeout, or by the end of the loop."""
        if error is NotStartedError:
            return not is_answered and any(party.name == "start" for party in here().parties)
        if error is RequestTimeoutError:
            return self._timeout is not None
        return not is_answered or self._timeout is not None

    def _check_moments(self) -> None:
        """Each moment was read by who put it, for that; and no event is before another's."""
        given: dict[Party, list[datetime]] = {}
        events: list[datetime] = []
        for party, (what, moment, _) in self._noted():
            if moment is None:
                continue  # of ENDED, which has no time
            if party is not None and party.name not in ("start", "loop"):
                given.setdefault(party, []).append(moment)
            if what is not _END and not isinstance(what, Question):
                events.append(moment)
        for party, moments in given.items():
            read = [moment for reader, moment in self.clock.readings if reader is party]
            assert moments == read, f"{party.name} puts at {moments}, and read {read}"
        assert events == sorted(events), "an event is given an earlier time than the one before"

    def _expected(self) -> tuple[dict[Party, list[ChannelInfo]], int]:
        """What must be answered to whom, and how many events must be handled."""
        start = _reading(self.clock.readings[0][1] if self.clock.readings else START)
        model = self._model(start)
        answers: dict[Party, list[ChannelInfo]] = {}
        handled = noted = 0
        for party, (what, moment, _) in self._ready():
            if what is _END or isinstance(what, Question):
                assert party is not None, "a question of nobody"
                assert handled >= self._seen.get(party, 0), f"{party.name} is handled too early"
                if what is _END:
                    break
                answers[party] = model.list_all(moment)
            else:
                if self._dies:
                    break
                event = Accepted(party, what)
                if what is _NEXT:
                    event = self.accepted[noted]
                    noted += 1
                assert _is_note_of(event, party), "an event has the time of another"
                handled += 1
                if event.item is not ENDED:
                    model.put(event.item, moment)
        return answers, handled

    def _noted(self) -> list[Accepted]:
        """What the ready list accepted."""
        if self.store._session is None:
            return []  # there is none: start() did not come so far
        ready: Any = self.store._session.selector._ready
        accepted: list[Accepted] = ready.accepted
        return accepted

    def _ready(self) -> list[Accepted]:
        """What the loop has to handle; without a loop that is nothing."""
        session = self.store._session
        return self._noted() if session is not None and session.ident is not None else []

    def _check_source(self, handled: int) -> None:
        """What was put later is left there, counted, and nothing watches any more."""
        updates = self.source.updates
        left = [each.item for each in self.accepted[handled:]]
        if isinstance(updates, WatchableQueue):
            put = [what for _, (what, _, source) in self._noted() if source is not None]
            left = list(updates.queue)
            unhandled = [what for what in put[handled:] if what is not _NEXT]
            assert left[: len(unhandled)] == unhandled, f"{updates.queue} begins otherwise"
            events = [what for what in put[:handled] + left if what is not ENDED]
            assert self._reached <= len(events) <= self._sent, f"of {self._sent} sent: {events}"
        assert list(updates.queue) == left, f"{updates.queue} is left, not {left}"
        assert updates.unfinished_tasks == len(left), "the source miscounts what is unfinished"
        assert not updates.maxsize or updates.queue.most <= updates.maxsize, "more than its bound"
        assert "_put" not in vars(updates), "the source is still hooked"
        assert getattr(updates, "watcher", None) is None, "the source is still watched"
        assert self._cancels() == bool(self.clock.readings), "cancelled, or not"

    def _is_cancelled(self) -> bool:
        return not isinstance(self.source, QueueSubscription) and self.source.quit.is_set()

    def _cancels(self) -> int:
        source = self.source
        return source.cancels if isinstance(source, QueueSubscription) else source.quit.is_set()


def _loops() -> list[Party]:
    """The thread of the store, if it was started."""
    return [party for party in here().parties if party.name == "loop"]


def _is_note_of(event: Accepted, party: Party | None) -> bool:
    """Who puts an event notes it; what was put before the start, whoever starts the store."""
    return party is event.party or party is None or party.name == "start"


def _reading(moment: datetime) -> Reading:
    return Reading(moment, moment - START)
