"""Parser of moments of time as a person types them."""

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
    """The moment (UTC) that an ISO 8601 date, or date and time, names.

    Without an offset or a Z it is local time of this machine; a date is its first moment. Of an
    hour that is there twice, because summer ends, it is the first.

    Raises:
        ValueError: It names no moment.
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
    # Not by astimezone(), which takes an hour too many off a time that summer leaves out: in
    # some zones that is the first of a day. Without the fraction, which a float would round.
    seconds = int(moment.replace(microsecond=0).timestamp())
    utc = datetime.datetime.fromtimestamp(seconds, _UTC)
    return utc + datetime.timedelta(microseconds=moment.microsecond)
