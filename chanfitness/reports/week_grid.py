"""Text grid of a week: a line per weekday, a character per hour. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.overview import Overview
from ..terminal.formatting import duration
from .by_hour import DAYS, HOURS_A_DAY, Hour, Share, Week
from .character_band import BLOCKS, PLAIN, Glyphs
from .naming import Named
from .one_peer import Look, as_of_text, title

_WORST = 3
_RULER = "0     6     12    18"
_MARGIN = " " * 5
_UNKNOWN = "Earlier outages are not kept one by one, and are not in these figures."
_LEAST = 0.0001  # a hundredth of a percent, the smallest share shown as a number


def week_grid(week: Week, overview: Overview, named: Named, look: Look) -> str:
    """Return the screen: the grid, sums by time of day and week, and the worst hours."""
    (info,) = overview.peers
    zone = look.zone.short_name(week.end)
    begin, end = (look.zone.minute(each) for each in (week.begin, week.end))
    glyphs = (PLAIN if look.plain else BLOCKS)._replace(none=".")
    return "\n".join(
        [
            title(info.alias, named, look),
            *look.wrapped(f"offline by hour of the week, {begin} to {end} {zone}"),
            *look.wrapped(f"as of {as_of_text(overview, look)}"),
            "",
            f"{_MARGIN}{_RULER}".ljust(len(_MARGIN) + HOURS_A_DAY + 2) + "OFFLINE",
            *(_line(week, weekday, glyphs) for weekday in range(len(DAYS))),
            *look.wrapped(
                f"{glyphs.none} never offline  {glyphs.scale} by share  (blank: never seen)"
            ),
            "",
            *_sums(week, look),
            "",
            *_worst(week),
            *(look.wrapped(_UNKNOWN) if week.is_partial else []),
        ]
    )


def _line(week: Week, weekday: int, glyphs: Glyphs) -> str:
    hours = week.hours[weekday * HOURS_A_DAY :][:HOURS_A_DAY]
    cells = "".join(_cell(hour.share, glyphs) for hour in hours)
    share = week.share(lambda hour: hour.weekday == weekday)
    return f"{DAYS[weekday]}  {cells}  {_percentage(share):>7}"


def _cell(share: Share, glyphs: Glyphs) -> str:
    return glyphs.height(share.offline, share.seen) if share.seen else " "


def _percentage(share: Share) -> str:
    """Format a share, rounded down so that only continuous offline time shows 100.00%."""
    ratio = share.ratio
    if ratio is None:
        return "-"
    if 0 < ratio < _LEAST:
        return "<0.01%"
    return f"{int(round(ratio * 10_000, 6)) / 100:.2f}%"


def _sums(week: Week, look: Look) -> Iterator[str]:
    for name, share in (
        ("at night (0-6)", week.share(lambda hour: hour.is_night)),
        ("by day", week.share(lambda hour: not hour.is_night)),
        ("on weekdays", week.share(lambda hour: not hour.is_weekend)),
        ("at weekends", week.share(lambda hour: hour.is_weekend)),
    ):
        yield f"{name:<14}  {_percentage(share):>7}"
    whole = week.share()
    offline, seen = duration(whole.offline), duration(whole.seen)
    yield from look.wrapped(f"{_percentage(whole):>7}: {offline} of {seen}", f"{'in all':<16}")


def _worst(week: Week) -> Iterator[str]:
    worst = week.worst(_WORST)
    if not worst:
        yield "It was never offline."
        return
    yield "The worst hours:" if len(worst) > 1 else "The worst hour:"
    yield from (_words(hour) for hour in worst)


def _words(hour: Hour) -> str:
    """Return an hour in words: ``Sat 03:00-04:00: offline 41 %``."""
    percent = int(round(100 * (hour.share.ratio or 0), 6))
    name = f"{DAYS[hour.weekday]} {hour.hour:02}:00-{hour.hour + 1:02}:00"
    return f"{name}: offline {percent or 'less than 1'} %"
