"""Launchers of the commands; an interrupt (Ctrl-C) during the imports ends them quietly.

They stand outside the package, because importing a part of it imports most of it first.
"""

from __future__ import annotations

import signal


def chanfitness() -> int:
    """Run the command ``chanfitness`` and return its exit status."""
    before = _end_at_an_interrupt()
    from chanfitness.commands.main import main  # noqa: PLC0415

    signal.signal(signal.SIGINT, before)  # main() handles KeyboardInterrupt
    return main()


def plugin() -> int:
    """Run the command ``chanfitness-cln`` and return its exit status."""
    _end_at_an_interrupt()
    from chanfitness.nodes.cln.launcher import main  # noqa: PLC0415

    return main()


def _end_at_an_interrupt() -> signal._HANDLER:
    """Let SIGINT end the process, unless it is ignored, and return the previous handler."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return before
