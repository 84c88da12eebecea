"""A fake lightningd: its socket, its pipes to a plugin, and a recording of a real one."""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

from typing_extensions import Self

from chanfitness.recording.format import parse_time

from .paths import DATA
from .stores import WAIT

Listings = dict[str, Any]
"""Answers of lightningd, by method."""

Answer = Callable[[str, dict[str, Any]], object]
"""Returns the result for a method and its parameters.

Bytes go out as they are, None never. A callable gets the function that sends the result later.
"""


class Refusal(NamedTuple):
    """An error as an answer."""

    code: int
    message: str


class RpcServer:
    """The socket of a lightningd, with answers from ``listings`` or from ``answer``.

    ``aliases``: the answers of ``listnodes``, by a peer's key. ``asked``: a queue of the
    questions, each a method with its parameters.
    """

    def __init__(self, directory: Path) -> None:
        self.path = str(directory / "lightning-rpc")
        self.listings: Listings = {
            "listpeers": {"peers": []},
            "listpeerchannels": {"channels": []},
        }
        self.others: Listings = {"notifications": {}}
        self.aliases: dict[str, object] = {}
        self.answer: Answer = self.listed
        self.asked: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()
        self.on_question: Callable[[dict[str, Any]], object] = bool
        self._open: list[socket.socket] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.path)
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, name="lightning-rpc", daemon=True)

    def listed(self, method: str, params: dict[str, Any]) -> object:
        """Return the listing as lightningd does: all, or one peer's part."""
        if method == "listnodes":
            return nodes(params["id"], self.aliases)
        results = self.others | self.listings
        if method not in results:
            return Refusal(-32601, f"Unknown command '{method}'")
        result = results[method]
        if hasattr(result, "answer"):
            return result.answer(method, params)
        if "id" in params:
            channels = result["channels"]
            return {"channels": [each for each in channels if each["peer_id"] == params["id"]]}
        return result

    def waiting(self) -> list[socket.socket]:
        """Return the connections with an unanswered question."""
        return self._open

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=WAIT)
        assert not self._thread.is_alive()
        for each in [self._socket, *self._open]:
            each.close()
        os.unlink(self.path)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):  # the client may be gone
                self._answer(connection)
            if connection not in self._open:
                connection.close()

    def _answer(self, connection: socket.socket) -> None:
        question = _read_json(connection)
        if question is None:
            return
        self.on_question(question)
        result = self.answer(question["method"], question["params"])
        if result is None or callable(result):
            self._open.append(connection)
        self.asked.put((question["method"], question["params"]))
        if callable(result):
            result(partial(_send_later, connection, question["id"]))
        elif result is not None:
            connection.sendall(_encoded(question["id"], result))


def _encoded(number: object, result: object) -> bytes:
    if isinstance(result, bytes):
        return result
    answer = {"jsonrpc": "2.0", "id": number}
    if isinstance(result, Refusal):
        answer["error"] = result._asdict()
    else:
        answer["result"] = result
    return json.dumps(answer).encode() + b"\n\n"


def _send_later(connection: socket.socket, number: object, result: object) -> None:
    with contextlib.suppress(OSError):  # the client may be gone
        connection.sendall(_encoded(number, result))
        connection.shutdown(socket.SHUT_RDWR)


def nodes(peer: str, aliases: dict[str, object]) -> dict[str, object]:
    """Return an answer of ``listnodes`` about one peer, known or not."""
    known = [{"nodeid": peer, "alias": aliases[peer]}] if peer in aliases else []
    return {"nodes": known}


def _read_json(connection: socket.socket) -> Any:
    text = b""
    while chunk := connection.recv(65536):
        text += chunk
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return None


class Wire:
    """lightningd's ends of its pipes to a plugin."""

    def __init__(self, to_plugin: IO[bytes], from_plugin: IO[bytes]) -> None:
        self._to_plugin = to_plugin
        self._from_plugin = from_plugin
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._count = 0
        self.logs: list[tuple[str, str]] = []
        self._thread = threading.Thread(target=self._read, name="from plugin", daemon=True)
        self._thread.start()

    def request(self, method: str, params: object = None) -> dict[str, Any]:
        """Send a request, and return the whole response."""
        number = self.send_request(method, params)
        while True:
            message = self.next_message()
            if message.get("id") == number:
                return message

    def result(self, method: str, *params: object) -> Any:
        """Send a request, and return its result."""
        response = self.request(method, list(params))
        assert "result" in response, response
        return response["result"]

    def refusal(self, method: str, *params: object) -> tuple[int, str]:
        """Send a request, and return code and text of its error."""
        error = self.request(method, list(params))["error"]
        return error["code"], error["message"]

    def send_request(self, method: str, params: object = None) -> str:
        """Send a request, and return its id."""
        self._count += 1
        number = f"cli:{method}#{self._count}"
        self.send({"id": number, "method": method, "params": [] if params is None else params})
        return number

    def notify(self, topic: str, params: object) -> None:
        """Send a notification."""
        self.send({"method": topic, "params": {topic: params}})

    def send(self, message: dict[str, Any]) -> None:
        self.send_raw(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n\n")

    def send_raw(self, message: bytes) -> None:
        self._to_plugin.write(message)
        self._to_plugin.flush()

    def next_message(self) -> dict[str, Any]:
        """Return the next message that is no log line; log lines go to ``logs``."""
        message = self._messages.get(timeout=WAIT)
        assert message is not None, "the plugin has ended"
        return message if not self._note(message) else self.next_message()

    def wait_for_log(self, text: str) -> str:
        """Return the next log line with ``text``."""
        while True:
            message = self._messages.get(timeout=WAIT)
            assert message is not None, f"the plugin has ended without {text!r}: {self.logs}"
            if self._note(message) and text in self.logs[-1][1]:
                return self.logs[-1][0]

    def hang_up(self) -> None:
        """Close the plugin's input."""
        self._to_plugin.close()

    def read_to_end(self) -> None:
        """Collect the plugin's output until it ends, and close the pipes."""
        while (message := self._messages.get(timeout=WAIT)) is not None:
            self._note(message)
        self._thread.join(timeout=WAIT)
        self._to_plugin.close()
        self._from_plugin.close()

    def _note(self, message: dict[str, Any]) -> bool:
        if message.get("method") == "log":
            self.logs.append((message["params"]["level"], message["params"]["message"]))
            return True
        return False

    def _read(self) -> None:
        text = b""
        while chunk := os.read(self._from_plugin.fileno(), 65536):
            *whole, text = (text + chunk).split(b"\n\n")
            for message in whole:
                self._messages.put(json.loads(message))
        assert not text, "half a message"
        self._messages.put(None)


def init_params(
    directory: Path, *, startup: bool = False, options: dict[str, object] | None = None
) -> dict[str, Any]:
    """Return the parameters of lightningd's ``init``."""
    return {
        "options": options or {},
        "configuration": {
            "lightning-dir": str(directory),
            "rpc-file": "lightning-rpc",
            "startup": startup,
            "network": "regtest",
            "feature_set": {"init": "08a0882a8a59a1"},
        },
    }


class Notification(NamedTuple):
    """A recorded notification, with lightningd's listings before and after it."""

    at: datetime
    topic: str
    params: dict[str, Any]
    listings: Listings


def recorded(file: str) -> Iterator[Notification]:
    """Return the notifications of a recorded lightningd; the first one has only listings.

    The listings of each hold until the next.
    """
    listings: Listings = {}
    last: Notification | None = None
    for line in (DATA / file).read_text().splitlines():
        record = json.loads(line)
        at = parse_time(record["received_at"])
        if "rpc" in record:
            listings[record["rpc"]] = record["result"]
            continue
        yield (
            last._replace(listings=dict(listings))
            if last
            else Notification(at, "", {}, dict(listings))
        )
        last = Notification(at, record["method"], record["params"], {})
    assert last is not None
    yield last._replace(listings=dict(listings))


def pipes() -> tuple[BinaryIO, BinaryIO, io.TextIOWrapper, io.TextIOWrapper]:
    """Open pipes: lightningd's ends (write, read) and the plugin's (read, write)."""
    plugin_in, to_plugin = os.pipe()
    from_plugin, plugin_out = os.pipe()
    return (
        os.fdopen(to_plugin, "wb"),
        os.fdopen(from_plugin, "rb"),
        io.TextIOWrapper(os.fdopen(plugin_in, "rb")),
        io.TextIOWrapper(os.fdopen(plugin_out, "wb")),
    )
