"""Launchers of the commands, which an interrupt ends quietly while the package is imported.

They stand beside the package: whatever is imported from it imports most of it first.
"""

from __future__ import annotations

import signal


def chanfitness() -> int:
    """Run the command ``chanfitness``, and return its exit status."""
    before = _end_at_an_interrupt()
    from chanfitness.commands.main import main  # noqa: PLC0415

    signal.signal(signal.SIGINT, before)  # from here on it is handled
    return main()


def plugin() -> int:
    """Run the command ``chanfitness-cln``, and return its exit status."""
    _end_at_an_interrupt()
    from chanfitness.nodes.cln.launcher import main  # noqa: PLC0415

    return main()


def _end_at_an_interrupt() -> signal._HANDLER:
    """Let SIGINT end the process, unless it is ignored; returns its handler of before."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return before
