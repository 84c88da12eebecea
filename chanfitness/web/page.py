"""Renderer of the page as one self-contained HTML file.

Pure: the same figures give the same text. The template engine escapes all text, and the page's
content security policy allows only the style and the scripts that it contains.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
from collections import Counter
from collections.abc import Sequence
from importlib import resources

from .. import __version__
from ..checks import extra, printable
from ..core.blind_spans import BlindSpan
from ..terminal.formatting import duration, percentage, points
from .figures import PageFigures
from .local_time import LocalTime
from .views import WORST, RangeView, peer_entries, range_views

with extra("web"):
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

TITLE = "Peers of this node"
_CAUSES = {
    None: "cause not known",
    "stopped": "watcher stopped",
    "killed": "watcher killed",
    "source": "node not reached",
    "suspended": "machine suspended",
}
"""Descriptions of causes; other causes describe themselves."""
_OPEN = 3  # with at most this many peers their lists are open
_MICROSECOND = datetime.timedelta(microseconds=1)
_ZERO = datetime.timedelta(0)


def page_html(
    figures: PageFigures,
    *,
    title: str | None = None,
    zone: datetime.tzinfo | None = None,
    now: datetime.datetime | None = None,
    tag: str | None = None,
) -> str:
    """Return the page as HTML.

    Args:
        figures: The figures.
        title: The title; any text.
        zone: Time zone of dates; None: this machine's.
        now: The present, if the figures are of the past.
        tag: Version tag of a served page; None: the page is a file.
    """
    time = LocalTime(zone)
    views = range_views(figures, time)
    page = (
        _environment(time)
        .from_string(_file("page.html"))
        .render(
            title=printable(title or TITLE),
            version=__version__,
            style=Markup(_file("page.css")),
            scripts=[Markup(script) for script in _scripts(live=tag is not None)],
            policy=page_policy(live=tag is not None),
            tag=tag,
            figures=figures,
            age=None if now is None else max(now - figures.as_of, _ZERO),
            ranges=views,
            chosen=_chosen(figures, views),
            peers=views[-1].rows,
            entries=peer_entries(figures),
            causes=Counter(_cause(each) for each in figures.blind_spans),
            **_sight(figures),
            worst=WORST,
            open=_OPEN,
        )
    )
    return page.lstrip()  # the macros leave empty lines


def _sight(figures: PageFigures) -> dict[str, datetime.timedelta]:
    """Return the seen and the blind time since the first channel was known."""
    since, until = figures.known_from, figures.as_of
    blind = figures.blind
    if figures.blind_spans:
        blind = _blind_within(figures.blind_spans, since, until)
    return {"blind": blind, "seen": max(until - since - blind, _ZERO)}


def _chosen(figures: PageFigures, views: list[RangeView]) -> str:
    """Return the name of the range to show first: the requested time, else at most 30 days."""
    *_, last, whole = [views[-1], *views]
    has_more = whole.figures.window is None and last.axis.begin > figures.known_from
    return (last if has_more else whole).figures.name


def page_policy(*, live: bool = False) -> str:
    """Return the content security policy: only the page's own style and scripts, and no icon.

    ``live``: whether the page is served, and may fetch itself again.
    """
    scripts = " ".join(_hash(script) for script in _scripts(live=live))
    connects = " connect-src 'self';" if live else ""
    return (
        f"default-src 'none'; style-src {_hash(_file('page.css'))}; script-src {scripts};{connects}"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )


def _scripts(*, live: bool) -> list[str]:
    return [_file(name) for name in ("page.js", "live.js") if live or name == "page.js"]


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _file(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _environment(time: LocalTime) -> Environment:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "printable": printable,
        "cause": _cause,
        "duration": duration,
        "share": percentage,
        "seconds": exact_seconds,
        "points": points,
        "local": time.text,
        "zone": time.name,
        "utc": lambda at: f"{at:%Y-%m-%d %H:%M:%S} UTC",
        "blind_within": _blind_within,
    }
    environment.globals["span"] = time.span
    return environment


def exact_seconds(period: datetime.timedelta) -> str:
    """Return seconds to the microsecond, without trailing zeros."""
    whole, rest = divmod(period // _MICROSECOND, 10**6)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".")


def _cause(span: BlindSpan) -> str:
    return printable(_CAUSES.get(span.cause) or str(span.cause))


def _blind_within(
    times: Sequence[BlindSpan], begin: datetime.datetime, end: datetime.datetime
) -> datetime.timedelta:
    """Return the time between two instants in which all peers were blind."""
    spans = (
        min(each.end or end, end) - max(each.start, begin) for each in times if each.of == "all"
    )
    return sum((max(span, _ZERO) for span in spans), _ZERO)
