"""The plugin for Core Lightning, in this process or in one of its own."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from pyln.client import Plugin  # type: ignore[import-untyped]

from chanfitness.clock import Clock
from chanfitness.nodes.cln.log import log_to
from chanfitness.nodes.cln.output import Output
from chanfitness.nodes.cln.plugin import WatchingPlugin
from chanfitness.nodes.inbox import Inbox

from .fake_lightningd import Wire, init_params, pipes
from .stores import WAIT, Call

COMMAND = [sys.executable, "-m", "chanfitness.nodes.cln"]


@contextmanager
def plugin_here(
    directory: Path,
    *,
    startup: bool = False,
    options: dict[str, object] | None = None,
    clock: Clock | None = None,
    inbox: Inbox | None = None,
    on_event: Callable[[object, datetime], object] | None = None,
    is_initialised: bool = True,
    catch_up: float = WAIT,
) -> Iterator[Wire]:
    """Run a plugin in a thread, after ``getmanifest`` and ``init``.

    Its answers include all earlier notifications, unless the catching-up takes ``catch_up``
    seconds. At the end lightningd hangs up, if it did not before, and the plugin ends.
    """
    with logging_restored(), environment("LIGHTNINGD_PLUGIN", "1"):
        plugin = Plugin(autopatch=False)
        to_plugin, from_plugin, plugin_in, plugin_out = pipes()
        plugin.stdout = output = Output(plugin_out.fileno())
        log_to(output)
        watching = WatchingPlugin(
            plugin,
            output,
            clock=clock,
            inbox=inbox,
            on_event=on_event,
            timeout=2 * WAIT,
            catch_up=catch_up,
        )
        served = Call(watching.serve, iter(lambda: os.read(plugin_in.fileno(), 65536), b""))
        wire = Wire(to_plugin, from_plugin)
        try:
            if is_initialised:
                assert wire.request("getmanifest", {"allow-deprecated-apis": True})["result"]
                params = init_params(directory, startup=startup, options=options)
                assert wire.request("init", params)["result"] is None
            yield wire
        finally:
            wire.hang_up()
            served.result()
            output.finish(WAIT)
            plugin_out.close()
            wire.read_to_end()
            plugin_in.close()


@contextmanager
def plugin_process(
    directory: Path, *, startup: bool = False, options: dict[str, object] | None = None
) -> Iterator[tuple[Wire, subprocess.Popen[bytes]]]:
    """Run a plugin in a process of its own, after ``getmanifest`` and ``init``."""
    process = subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "LIGHTNINGD_PLUGIN": "1"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            wire = Wire(process.stdin, process.stdout)
            assert wire.request("getmanifest", {"allow-deprecated-apis": False})["result"]
            params = init_params(directory, startup=startup, options=options)
            assert wire.request("init", params)["result"] is None
            yield wire, process
            wire.read_to_end()
            process.wait(timeout=WAIT)
        finally:
            process.kill()


@contextmanager
def logging_restored() -> Iterator[None]:
    """Remove, at the end, what pyln and the plugin add to the loggers."""
    root, ours = logging.getLogger(), logging.getLogger("chanfitness")
    handlers, level = root.handlers[:], ours.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        ours.setLevel(level)


@contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment, for a while."""
    before: Any = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
