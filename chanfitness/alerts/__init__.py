"""Alerts: a person is told what is worth a message.

For a daemon: :class:`Alerts` takes any callable, which gets each :class:`Message`. The
command has :class:`Command` and :class:`AppriseUrl` for that.
"""

from .alerts import AFTER, Alerts
from .command import Command, UndeliveredError
from .messages import KINDS, Message
from .urls import AppriseUrl

__all__ = [
    "AFTER",
    "KINDS",
    "Alerts",
    "AppriseUrl",
    "Command",
    "Message",
    "UndeliveredError",
]
