"""The scene of the explorer: parties at one store, and the checks after any order of steps.

Of the orders that differ only in steps without conflict, one alone is run. So no check may
depend on such an order: it uses the recorded steps.
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
"""A caller's result: the answer to ``list_channels``, or an error."""


class StandingClock:
    """A clock that stands still until a party moves it."""

    how = LOOK
    tick = 0 * SECOND

    def __init__(self) -> None:
        self.readings: list[tuple[Party | None, datetime]] = []
        """Each reading and its reader; the first is of start()."""
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
    """A clock that advances at each reading, so each order of readings has its own times."""

    how = CHANGE
    tick = SECOND

    def advance(self) -> None:
        """Do nothing: the clock advances by itself."""


class PlainModel:
    """A model of a store without any setting."""

    def __init__(self, start: Reading) -> None:
        self._model = Model(start)
        self._model.put(OpenChannelEvent(CHANNEL_1, ALICE), start)

    def put(self, event: Any, moment: datetime) -> None:
        self._model.put(event, _reading(moment))

    def list_all(self, moment: datetime) -> list[ChannelInfo]:
        return self._model.list_all(_reading(moment))


class GraceModel:
    """A model of a store with a return grace."""

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
    """One run: a store, and the parties' actions on it.

    ``witnessed``: callers and stops first record the accepted events, which must be handled before
    them. ``dies``: the loop does at the first event. ``events``: those of the producers.
    ``awaits``: the store has the return grace ``GRACE``.
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
        self._sent = self._reached = 0  # sent; sent surely to a client that was not cancelled
        self._timeout = timeout
        self._events = events
        self._model = GraceModel if awaits else PlainModel

    # Actions of the parties.

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
        """Put the first ``number`` of the events, and move the clock after each."""
        for event in self._events[:number]:
            with suppress(ShuttingDownError):  # after the notifier has stopped
                self._send(event)
                self._sent += 1
                self._reached += not self._is_cancelled()
            self.clock.advance()

    def stop(self) -> None:
        """Stop the store, and check that nothing is answered afterwards and the loop has ended."""
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

    # Checks at the end.

    @property
    def accepted(self) -> list[Accepted]:
        """Return the items that the source accepted in its queue, with their parties."""
        accepted: list[Accepted] = self.source.updates.queue.accepted
        return accepted

    def check(self) -> None:
        """Check promises 1 to 4 and 8, in the order in which the ready list accepted the items."""
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
        """Return whether a caller may get this error. A late answer is dropped."""
        if error is NotStartedError:
            return not is_answered and any(party.name == "start" for party in here().parties)
        if error is RequestTimeoutError:
            return self._timeout is not None
        return not is_answered or self._timeout is not None

    def _check_moments(self) -> None:
        """Check that each moment was read by its putter, and that moments do not decrease."""
        given: dict[Party, list[datetime]] = {}
        events: list[datetime] = []
        for party, (what, moment, _) in self._noted():
            if moment is None:
                continue  # ENDED has no time
            if party is not None and party.name not in ("start", "loop"):
                given.setdefault(party, []).append(moment)
            if what is not _END and not isinstance(what, Question):
                events.append(moment)
        for party, moments in given.items():
            read = [moment for reader, moment in self.clock.readings if reader is party]
            assert moments == read, f"{party.name} puts at {moments}, and read {read}"
        assert events == sorted(events), "an event is given an earlier time than the one before"

    def _expected(self) -> tuple[dict[Party, list[ChannelInfo]], int]:
        """Return the expected answer of each caller, and the expected number of handled events."""
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
        """Return the items that the ready list accepted."""
        if self.store._session is None:
            return []  # start() has not made one
        ready: Any = self.store._session.selector._ready
        accepted: list[Accepted] = ready.accepted
        return accepted

    def _ready(self) -> list[Accepted]:
        """Return the items that the loop has to handle: none without a loop."""
        session = self.store._session
        return self._noted() if session is not None and session.ident is not None else []

    def _check_source(self, handled: int) -> None:
        """Check that later items are left in the source, counted, and that nothing watches it."""
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
    """Return the store's thread, if it was started."""
    return [party for party in here().parties if party.name == "loop"]


def _is_note_of(event: Accepted, party: Party | None) -> bool:
    """Return whether the putter noted the event; start() notes earlier ones."""
    return party is event.party or party is None or party.name == "start"


def _reading(moment: datetime) -> Reading:
    return Reading(moment, moment - START)
