"""Parser of times that a person types."""

from __future__ import annotations

import datetime
import re

from .checks import quoted

_UTC = datetime.timezone.utc
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[T ]([01]\d|2[0-3]):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(Z|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)


def parse_moment(text: str) -> datetime.datetime:
    """Parse an ISO 8601 date, or date and time, and return it in UTC.

    A time without an offset or a Z is local time of this machine. A date stands for its first
    moment. In an hour that occurs twice (summer time ends), the first is meant.

    Raises:
        ValueError: The text has another form, or the calendar lacks this time.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError(
            f"bad time {quoted(text)}: expected one like 2026-11-22, 2026-11-22T11:20 (local time)"
            " or 2026-11-22T11:20:00Z"
        )
    date, hour, minute, second, fraction, offset = match.groups("")
    time = f"{hour or '00'}:{minute or '00'}:{second or '00'}.{fraction.ljust(6, '0')}"
    try:
        moment = datetime.datetime.fromisoformat(f"{date}T{time}{offset.replace('Z', '+00:00')}")
        return moment.astimezone(_UTC) if offset else _from_local(moment)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"bad time {quoted(text)}: {error}") from None


def _from_local(moment: datetime.datetime) -> datetime.datetime:
    # astimezone() is wrong by an hour for a time that the start of summer time skips, in some
    # zones the first moment of a day. The microseconds are added after, since a float rounds.
    seconds = int(moment.replace(microsecond=0).timestamp())
    utc = datetime.datetime.fromtimestamp(seconds, _UTC)
    return utc + datetime.timedelta(microseconds=moment.microsecond)
