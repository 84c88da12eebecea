"""Snapshots of one moment over several windows, each with its sums and histories."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence

from ..wire import OutPoint
from .history_window import ChannelHistory
from .overview import Overview

Window = datetime.timedelta | None
"""The length of the time before the snapshot; None: all time."""


def over_windows(
    windows: Sequence[Window],
    overview: Overview,
    history: Callable[[OutPoint, Window], ChannelHistory | None],
) -> list[Overview]:
    """Return a snapshot over each window.

    Args:
        windows: The windows, in any order.
        overview: The snapshot, without histories.
        history: Returns a channel's history over a window; None if its peer's changes were
            not kept.
    """
    longest_first = sorted(set(windows), key=_length, reverse=True)
    found = [_over_each(longest_first, info.channel_point, history) for info in overview.channels]
    made = {
        window: _over(window, None, overview, [each[number] for each in found])
        for number, window in enumerate(longest_first)
    }
    return [made[window] for window in windows]


def over_window(
    window: Window,
    until: datetime.datetime | None,
    overview: Overview,
    history: Callable[[OutPoint], ChannelHistory | None],
) -> Overview:
    """Return a snapshot over a window that ends ``until`` a date; None: now."""
    histories = [history(info.channel_point) for info in overview.channels]
    return _over(window, until, overview, histories)


def _length(window: Window) -> tuple[bool, Window]:
    return window is None, window or datetime.timedelta(0)


def _over_each(
    longest_first: Iterable[Window],
    point: OutPoint,
    history: Callable[[OutPoint, Window], ChannelHistory | None],
) -> list[ChannelHistory | None]:
    """Return a channel's history over each window."""
    found: list[ChannelHistory | None] = []
    last: ChannelHistory | None = None
    for window in longest_first:
        if last is None or window is None or not _is_within(last, window):
            last = history(point, window)
        found.append(last)
    return found


def _is_within(history: ChannelHistory, window: datetime.timedelta) -> bool:
    """Return whether a channel's whole life lies in a window, so that its history is the same."""
    return history.complete and history.end - history.start <= window


def _over(
    window: Window,
    until: datetime.datetime | None,
    overview: Overview,
    histories: Sequence[ChannelHistory | None],
) -> Overview:
    """Return the snapshot over a window."""
    overview = overview._replace(window=window, until=until, histories=tuple(histories))
    return _with_sums_of(histories, overview) if overview.is_of_window else overview


def _with_sums_of(histories: Iterable[ChannelHistory | None], overview: Overview) -> Overview:
    """Return the snapshot with the sums of its channels' ``histories``."""
    channels = [
        info
        if history is None
        else info._replace(
            lifetime=history.lifetime,
            uptime=history.uptime,
            unusable=history.unusable,
            knows_unusable=history.knows_unusable,
        )
        for info, history in zip(overview.channels, histories, strict=True)
    ]
    return overview._replace(channels=tuple(channels))
