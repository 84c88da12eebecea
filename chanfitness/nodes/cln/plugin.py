"""The plugin ``chanfitness-cln``, which watches the lightningd that starts it.

It subscribes to ``connect``, ``disconnect`` and ``channel_state_changed``, and answers
``lightning-cli chanfitness``, ``chanfitness-peer ID`` and ``chanfitness-history
CHANNEL [window]``. Options: ``chanfitness-db``, ``chanfitness-own-outage``, those for HTTP in
:mod:`.http_options`, and those for alerts in :mod:`.alert_options`.

It has four threads. This one reads lightningd's messages and passes them on with their times
of arrival. The watcher's feeds the store, a third answers questions, and a fourth writes to
lightningd. No slow disk, question, silent socket or full pipe therefore holds up lightningd
or the end. Standard output is the protocol: nothing is printed, and log records go to
lightningd's log.
"""

from __future__ import annotations

import datetime
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import partial

from ...alerts.alerts import Alerts
from ...checks import extra, quoted
from ...clock import Clock
from ...errors import ChanFitnessError
from ...events import OnEvent
from ...logs import Log
from ...periods import OWN_OUTAGE, parse_own_outage
from ...store import ChannelEventStore
from ...terminal.wakeup import InterruptedBySignalError, Signals
from ...web.serving import Service
from ..inbox import Inbox
from .alert_options import add_alert_options, alerts_of
from .http_options import add_http_options, services_of, start_all
from .log import log_to
from .output import Output
from .plugin_store import PluginStore
from .rpc_client import LightningRpc
from .rpc_methods import ANSWER_TIMEOUT, CATCH_UP, Query
from .server import BAD_PARAMETERS, FAILED, RefusedError, Server

with extra("cln"):
    from pyln.client import Plugin  # type: ignore[import-untyped]
    from pyln.client.plugin import Request  # type: ignore[import-untyped]

logger = Log(__name__)

MAXIMUM_QUESTIONS = 1000
"""Number of questions that may wait for an answer; more are refused."""

TOPICS = ("connect", "disconnect", "channel_state_changed")
_DATABASE = "chanfitness.db"
_CHUNK = 2**16
_END_TIMEOUT = 0.25  # seconds to wait at the end until lightningd has read all messages

_Question = Callable[[Query], dict[str, object]]


class WatchingPlugin:
    """Connects a pyln ``Plugin`` to a watcher, which its ``init`` starts.

    ``clock``, ``inbox``, ``on_event``: as for :class:`PluginStore`; ``timeout``,
    ``catch_up``: as for :class:`Query`.
    """

    def __init__(
        self,
        plugin: Plugin,
        output: Output,
        *,
        clock: Clock | None = None,
        inbox: Inbox | None = None,
        on_event: OnEvent | None = None,
        timeout: float = ANSWER_TIMEOUT,
        catch_up: float = CATCH_UP,
    ) -> None:
        self._plugin = plugin
        self._server = Server(plugin, output)
        self._clock = clock
        self._inbox = inbox
        self._on_event = on_event
        self._timeout = timeout
        self._catch_up = catch_up
        self._watcher: PluginStore | None = None
        self._alerts: Alerts | None = None
        self._servers = ExitStack()  # the HTTP servers that could be started
        self._questions: queue.SimpleQueue[tuple[object, PluginStore, Query, _Question] | None]
        self._questions = queue.SimpleQueue()
        self._declare(plugin)

    def serve(self, chunks: Iterable[bytes]) -> None:
        """Handle lightningd's messages in ``chunks`` until their end or a shutdown."""
        try:
            with suppress(InterruptedBySignalError, OSError):
                self._server.serve(chunks)
        finally:
            self._stop()

    @property
    def exit_status(self) -> int:
        """1 if events could not be saved at the end, otherwise 0."""
        return int(self._watcher is not None and not self._watcher.all_is_saved)

    def _declare(self, plugin: Plugin) -> None:
        """Declare methods, topics and options; pyln reads parameters off the functions."""

        def chanfitness(*, request: Request) -> None:
            """Lifetime and uptime of each open channel."""
            self._ask(request, Query.all_channels)

        def chanfitness_peer(id: object, *, request: Request) -> None:  # noqa: A002
            """State, flaps and channels of the peer {id}."""
            self._ask(request, lambda query: query.peer(id))

        def chanfitness_history(
            channel: object, window: object = None, *, request: Request
        ) -> None:
            """Outages and sums of a {channel}, over its life or the last {window}, like 7d."""
            self._ask(request, lambda query: query.history(channel, window))

        for method in (chanfitness, chanfitness_peer, chanfitness_history):
            name = method.__name__.replace("_", "-")
            plugin.add_method(name, method, background=True)
            plugin.methods[name].description = method.__doc__  # old pyln has no such argument
        for topic in TOPICS:
            plugin.add_subscription(topic, self._teller(topic))
        plugin.add_subscription("shutdown", lambda **_: self._server.end())
        plugin.add_option(
            "chanfitness-db",
            None,
            f"The database; default: {_DATABASE} in lightningd's directory",
        )
        plugin.add_option(
            "chanfitness-own-outage",
            None,
            "If all peers go offline within this period, count it as the node's own outage;"
            " default: 90s; off: count every outage as the peer's",
        )
        add_http_options(plugin)
        add_alert_options(plugin)
        plugin.init()(self._init)

    def _teller(self, topic: str) -> Callable[..., None]:
        def tell(**params: object) -> None:
            if self._watcher is not None:
                self._watcher.tell(topic, params)

        return tell

    # Beginning and end.

    def _init(self, options: object, configuration: object, **_: object) -> dict[str, str] | None:
        """Start watching. An unusable option or database disables the plugin only."""
        if self._watcher is not None:
            logger.warning("lightningd sent init again: ignored")
            return None
        try:
            self._watcher = self._make_watcher()
        except Exception as error:
            expected = isinstance(error, (ValueError, ModuleNotFoundError, ChanFitnessError))
            reason = str(error) if expected else quoted(error)
            logger.error("cannot start: %s", reason, exc_info=None if expected else error)
            return {"disable": reason}
        threading.Thread(target=self._answer_all, name="chanfitness-answers", daemon=True).start()
        self._watcher.start()
        return None

    def _make_watcher(self) -> PluginStore:
        plugin = self._plugin
        services = services_of(self._option)
        database = os.path.expanduser(self._option("chanfitness-db") or _DATABASE)
        watcher = PluginStore(
            os.path.join(plugin.lightning_dir, database),
            LightningRpc(os.path.join(plugin.lightning_dir, plugin.rpc_filename)),
            own_outage=self._own_outage(),
            clock=self._clock,
            inbox=self._inbox,
            on_event=self._note_event,
            after_start=partial(self._look_on, services),
        )
        self._alerts = alerts_of(plugin.get_option, watcher.storage)
        return watcher

    def _note_event(self, event: object, at: datetime.datetime) -> None:
        if self._alerts is not None:
            self._alerts.on_event(event, at)
        if self._on_event is not None:
            self._on_event(event, at)

    def _look_on(self, services: list[Service], store: ChannelEventStore) -> None:
        if self._alerts is not None:
            self._alerts.start(store)
        self._servers = start_all(services, store)

    def _option(self, name: str) -> str | None:
        value = self._plugin.get_option(name)
        if value is not None and (not isinstance(value, str) or not value):
            raise ValueError(f"bad {name} {quoted(value)}")
        return value

    def _own_outage(self) -> datetime.timedelta | None:
        text = self._option("chanfitness-own-outage")
        try:
            return OWN_OUTAGE if text is None else parse_own_outage(text)
        except ValueError as error:
            raise ValueError(f"chanfitness-own-outage: {error}") from None

    def _stop(self) -> None:
        if self._alerts is not None:
            self._alerts.stop()
        if self._watcher is not None:
            self._watcher.stop()
        self._servers.close()
        self._questions.put(None)

    # Questions.

    def _ask(self, request: Request, question: _Question) -> None:
        if self._watcher is None:
            raise RefusedError(FAILED, "chanfitness was not started")
        if self._questions.qsize() >= MAXIMUM_QUESTIONS:
            raise RefusedError(FAILED, f"{MAXIMUM_QUESTIONS} questions are waiting already")
        query = Query(self._watcher, self._timeout, self._catch_up)
        self._questions.put((request.id, self._watcher, query, question))

    def _answer_all(self) -> None:
        while (entry := self._questions.get()) is not None:
            number, watcher, query, question = entry
            try:
                answer = _answer(query, question)
            except RefusedError as refusal:
                self._server.refuse(number, refusal.code, str(refusal))
            else:
                warnings = watcher.warnings()
                if warnings:
                    answer["warning"] = "; ".join(warnings)
                self._server.answer(number, answer)


def main() -> int:
    """Run the plugin; if not started by lightningd, print its description."""
    plugin = Plugin()
    output = Output(plugin.stdout.fileno())
    watching = WatchingPlugin(plugin, output)
    if os.environ.get("LIGHTNINGD_PLUGIN") != "1":
        plugin.run()
        return 0
    plugin.stdout = output
    log_to(output)
    with Signals() as signals:
        watching.serve(_chunks(signals))
    output.finish(_END_TIMEOUT)
    return watching.exit_status


def _chunks(signals: Signals) -> Iterator[bytes]:
    """Yield chunks of standard input; a signal raises ``InterruptedBySignalError``."""
    descriptor = sys.stdin.fileno()
    while True:
        signals.wait_for(descriptor)
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            return
        yield chunk


def _answer(query: Query, question: _Question) -> dict[str, object]:
    try:
        return question(query)
    except ChanFitnessError as error:
        raise RefusedError(FAILED, str(error)) from None
    except ValueError as error:
        raise RefusedError(BAD_PARAMETERS, str(error)) from None
    except Exception as error:
        logger.exception("could not answer a question")
        raise RefusedError(FAILED, f"internal error: {quoted(error)}") from None
