"""JSON-RPC server on standard input and output, for lightningd.

pyln declares the plugin's methods and handles ``init``. pyln's own loop answers an error with a
traceback, logs it line by line, and dies of a malformed message. This server replaces it.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable
from typing import Any

from ...checks import extra, quoted
from ...logs import Log
from .output import Output

with extra("cln"):
    from pyln.client import Plugin  # type: ignore[import-untyped]
    from pyln.client.plugin import Request  # type: ignore[import-untyped]

logger = Log(__name__)

FAILED, NOT_FOUND, BAD_PARAMETERS = -1, -32601, -32602
"""Error codes of lightningd and JSON-RPC."""

_END = b"\n\n"


class RefusedError(Exception):
    """An error to answer a request with: ``code`` and one sentence."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Server:
    """Dispatches requests and notifications to the methods and subscriptions of ``plugin``.

    :meth:`serve` is for one thread, :meth:`answer` and :meth:`refuse` for any.
    """

    def __init__(self, plugin: Plugin, output: Output) -> None:
        self._plugin = plugin
        self._output = output
        self._is_over = False

    def serve(self, chunks: Iterable[bytes]) -> None:
        """Handle the messages in ``chunks`` until their end or a call of :meth:`end`."""
        partial = bytearray()
        for chunk in chunks:
            searched = max(len(partial) - 1, 0)
            partial += chunk
            if partial.find(_END, searched) < 0:
                continue
            *messages, partial = partial.split(_END)
            for message in messages:
                if message.strip():
                    self._handle(bytes(message))
                if self._is_over:
                    return

    def end(self) -> None:
        """Stop handling messages. For the serving thread."""
        self._is_over = True

    def answer(self, id: object, result: object) -> None:  # noqa: A002
        """Answer a request with a result."""
        self._output.send(id=id, result=result)

    def refuse(self, id: object, code: int, reason: str) -> None:  # noqa: A002
        """Answer a request with an error."""
        self._output.send(id=id, error={"code": code, "message": reason})

    def _handle(self, text: bytes) -> None:
        try:
            message = json.loads(text)
            method = message.get("method") if isinstance(message, dict) else None
            if not isinstance(method, str):
                raise ValueError(f"expected a request or a notification, got {quoted(message)}")
            if message.get("id") is None:
                self._notify(method, message.get("params"))
            else:
                self._request(message["id"], method, message.get("params"))
        except Exception as error:
            logger.warning("ignored an unusable message of lightningd: %s", quoted(error))

    def _notify(self, topic: str, params: object) -> None:
        told = self._plugin.subscriptions.get(topic)
        if told is None or not isinstance(params, dict):
            raise ValueError(f"unexpected notification {quoted(topic)} with {quoted(params)}")
        told(**params)

    def _request(self, id: object, name: str, params: object) -> None:  # noqa: A002
        method = self._plugin.methods.get(name)
        if method is None:
            self.refuse(id, NOT_FOUND, f"no method {quoted(name)}")
            return
        try:
            result = _bound(method.func, params, Request(self._plugin, id, name, params))()
        except RefusedError as refusal:
            self.refuse(id, refusal.code, str(refusal))
        except Exception as error:  # of binding the parameters, or of pyln's init
            self.refuse(id, BAD_PARAMETERS, f"cannot use these parameters: {quoted(str(error))}")
        else:
            if not method.background:
                self.answer(id, result)


def _bound(function: Callable[..., Any], params: object, request: Request) -> Callable[[], Any]:
    """Return ``function`` with its parameters bound. Raise ``TypeError`` if they do not fit."""
    signature = inspect.signature(function)
    ours = {"request": request} if "request" in signature.parameters else {}
    if params is None or isinstance(params, list):
        bound = signature.bind(*(params or ()), **ours)
    elif isinstance(params, dict):
        bound = signature.bind(**params, **ours)
    else:
        raise TypeError(f"expected a list or an object, got {quoted(params)}")
    return lambda: function(*bound.args, **bound.kwargs)
