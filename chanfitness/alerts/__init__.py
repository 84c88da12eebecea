"""Alerts: notifications to a person about events that matter.

In a daemon, :class:`Alerts` passes each :class:`Message` to a callable. :class:`Command` and
:class:`AppriseUrl` are the callables of the command line.
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
