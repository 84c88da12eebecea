"""Stress test: many threads on one store, compared with a model that gets the same events.

Promises 1 to 5. Overlapping puts may be ordered either way, so the store decides the order.
But it must keep each queue's order, and a put that returned comes before one that began later.
With the events in that order, the model must give every answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest

from chanfitness import (
    ChannelHistory,
    ChannelMovedEvent,
    Overview,
    PeerInfo,
    Reading,
    RequestTimeoutError,
)

from .support.history_model import HistoryModel
from .support.history_states import ZERO, State
from .support.lengths import Record, length
from .support.operation_log import NEVER, Operation
from .support.random_seeds import replayable, seeds
from .support.random_threads import ONLINE_ALREADY, OPEN_ALREADY, RandomThreads
from .support.values import START

OPERATIONS = length(8_000, 1_000_000)
OF_A_ROUND = 1_000  # about; the model's time grows with the square of it
MAXIMUM_ROUNDS = 4 * OPERATIONS // OF_A_ROUND  # most operations are handled completely


pytestmark = pytest.mark.usefixtures("quiet")


def test_the_store_answers_as_the_model(
    record_property: Record,
) -> None:
    handled = rounds = 0
    for seed in islice(seeds(), MAXIMUM_ROUNDS):
        with replayable(seed):
            handled += play(RandomThreads(seed, OF_A_ROUND))
        rounds += 1
        if handled >= OPERATIONS:
            break
    record_property("operations", handled)
    record_property("rounds", rounds)


def play(stressed: RandomThreads) -> int:
    """Play one round, and return the number of checked operations."""
    begun = stressed.run()
    order = in_order(stressed)
    check_order(stressed, [operation for operation, _ in order])
    check_answers(stressed, begun, order)
    return len(order)


def in_order(stressed: RandomThreads) -> list[tuple[Operation, datetime | None]]:
    """Return the operations in the order of the loop."""
    operation_of = {id(each.what): each for each in stressed.operations}
    return [
        (each if isinstance(each, Operation) else operation_of[id(each)], utc)
        for each, utc in stressed.order
    ]


# The order


def check_order(stressed: RandomThreads, order: list[Operation]) -> None:
    assert len(set(order)) == len(order), "something was handled twice"
    latest = -1
    for operation in order:
        assert latest < operation.ended, (
            f"{operation} comes after what was put when that had returned, at {latest}"
        )
        latest = max(latest, operation.read)
    for source in range(len(stressed.sources)):
        check_queue(stressed, source, [each for each in order if each.source == source])
    unhandled = set(stressed.operations).difference(order)
    assert stressed.is_stopped or not unhandled, f"{unhandled} was not handled"
    for operation in unhandled:
        if operation.source is None:
            assert operation.answer in (None, RequestTimeoutError), f"{operation} was not handled"


def check_queue(stressed: RandomThreads, source: int, handled: list[Operation]) -> None:
    """Check that a queue was read in order, and that unread items were put after the stop began."""
    put = [each for each in stressed.operations if each.source == source]
    operation_of = {id(each.what): each for each in put}
    left = [operation_of[id(event)] for event in stressed.left(source)]
    noted = sorted((each for each in put if each.read != NEVER), key=lambda each: each.read)
    unnoted = [each for each in left if each.read == NEVER]
    assert handled + left == noted + unnoted, f"queue {source} was not handled in order"
    assert all(each.ended > min(stressed.stops) for each in left), "put before the stop"


# The answers


class Model(HistoryModel):
    """A model with moves and long histories."""

    def _after(self, event: Any, last: State) -> State:
        if not isinstance(event, ChannelMovedEvent):
            return super()._after(event, last)
        openings = last.openings
        if not any(each.point == event.new_channel_point for each in openings):
            openings = tuple(
                each._replace(point=event.new_channel_point)
                if each[:2] == (event.channel_point, event.peer)
                else each
                for each in openings
            )
        return last._replace(openings=openings)

    def _cooled(self, flaps: list[datetime], time: datetime) -> int:
        count = 0
        for flap, following in pairwise([*flaps, time]):
            count += 1
            periods = (following - flap) / self._period
            count = count if periods < 1 else int(count * self._factor**periods)
        return count

    def blind(self) -> Any:
        paused = [each for each in pairwise(self._states) if each[0].paused]
        return sum((following.time - each.time for each, following in paused), ZERO)

    def seen_until(self) -> datetime | None:
        if not self.now.paused:
            return self.now.time
        spans = pairwise(reversed(self._states))
        return next(
            (end.time for end, each in spans if not each.paused and each.time < end.time), None
        )

    def outages(self) -> Any:
        """Count the outages of each channel."""
        if self.keeps_no_history:
            return None
        histories: list[Any] = [self.history(each.point, None) for each in self.now.openings]
        return tuple(history.outage_count for history in histories)


def check_answers(
    stressed: RandomThreads, begun: Operation, order: list[tuple[Operation, datetime | None]]
) -> None:
    model = Model(shown(begun.moment), OPEN_ALREADY, ONLINE_ALREADY, **stressed.retention)
    for number, (operation, utc) in enumerate(order):
        moment = operation.moment
        model.put(event_of(operation), shown(moment))
        if operation.source is None:
            check_answer(stressed, model, operation, number)
        elif not stressed.is_steady:
            assert utc == model.now.time, f"{number}. {operation} was shown at {utc}"


def shown(moment: datetime | Reading) -> datetime:
    """Return the model's time of a reading: the seen time."""
    return START + moment.seen if isinstance(moment, Reading) else moment


def event_of(operation: Operation) -> Any:
    """Return an operation's event as the model takes it."""
    event, moment = operation.what, operation.moment
    if operation.source is None:
        return None
    if isinstance(moment, Reading) and event.at is not None:
        return event._replace(at=shown(moment) - max(moment.utc - event.at, ZERO))
    return event


def check_answer(stressed: RandomThreads, model: Model, operation: Operation, number: int) -> None:
    question, arguments = operation.what
    answer = operation.answer
    if answer in (None, RequestTimeoutError):
        assert not operation.timeout, f"{number}. {operation} was handled, and refused"
        return
    expected = QUESTIONS[question](model, **arguments)
    is_right = answer is expected
    if not isinstance(answer, type) and not isinstance(expected, type):
        told = [comparable(stressed, each, arguments.get("window")) for each in (answer, expected)]
        is_right = told[0] == told[1]
    assert is_right, f"{number}. {operation}: expected {expected}"
    if isinstance(answer, ChannelHistory):
        check_sums(answer)


def check_sums(history: ChannelHistory) -> None:
    """Check the documented sums."""
    assert history.lifetime + history.blind == history.end - history.start, history
    thinned = history.lifetime - history.uptime - sum(durations(history), ZERO)
    assert (thinned > ZERO) == (history.thinned_outages > 0), history


def durations(history: ChannelHistory) -> list[timedelta]:
    return [outage.duration for outage in history.outages]


def overview(model: Model) -> Overview:
    return Overview(
        model.now.time,
        model.now.paused is None,
        model.blind(),
        tuple(model.list_channels()),
        model.outages(),
        tuple(model.list_peers()),
        seen_until=model.seen_until(),
    )


QUESTIONS: dict[str, Callable[..., Any]] = {
    "get_chan_info": lambda model, channel_point, peer: model.chan_info(channel_point, peer),
    "list_channels": Model.list_channels,
    "get_peer_info": Model.peer_info,
    "list_peers": Model.list_peers,
    "get_history": lambda model, channel_point, window: model.history(channel_point, window),
    "get_overview": overview,
}


def comparable(stressed: RandomThreads, answer: Any, window: object) -> Any:
    """Return the part of an answer that the model knows."""
    if stressed.is_redated:
        return undated(answer, window)
    return from_latest(answer) if stressed.is_steady else answer


def from_latest(answer: Any) -> Any:
    """Replace each date by its distance from the latest."""
    latest = max(dates(answer), default=START)

    def shifted(part: Any) -> Any:
        if isinstance(part, datetime):
            return latest - part
        return list(map(shifted, part)) if isinstance(part, (tuple, list)) else part

    return shifted(answer)


def dates(part: Any) -> Iterator[datetime]:
    if isinstance(part, datetime):
        yield part
    elif isinstance(part, (tuple, list)):
        for each in part:
            yield from dates(each)


def undated(answer: Any, window: object = None) -> Any:
    """Return the part that does not depend on the date."""
    if isinstance(answer, list):
        return [undated(each) for each in answer]
    if isinstance(answer, PeerInfo):
        return answer.peer, answer.online, answer.flap_count, answer.channels
    if isinstance(answer, Overview):
        return answer.sees, answer.channels, answer.outages, undated(list(answer.peers))
    if isinstance(answer, ChannelHistory):
        is_whole = window is None
        return is_whole and (answer.lifetime, answer.uptime, durations(answer))
    return answer
