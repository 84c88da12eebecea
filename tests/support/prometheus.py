"""A real Prometheus for tests, and the paths of its programs."""

from __future__ import annotations

import json
import os
import queue
import shutil
import socket
import subprocess
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import Self

from .paths import ROOT
from .stores import WAIT

CONTRIB = ROOT / "contrib"
REQUIRED = os.environ.get("CHANFITNESS_REQUIRE_PROMETHEUS") == "1"


def program(name: str) -> str:
    """Return the path of ``name``; without it, skip the test, or fail if it is required."""
    places = os.environ.get("CHANFITNESS_PROMETHEUS"), str(ROOT / ".prometheus/usr/bin")
    for place in (*filter(None, places), None):
        path = shutil.which(name, path=place)
        if path is not None:
            return path
    reason = f"there is no {name} here: `make prometheus` fetches it"
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


needs_contrib = pytest.mark.skipif(not CONTRIB.exists(), reason="contrib/ is not here")


class Prometheus:
    """A Prometheus that runs until the end of the ``with`` block.

    It has a loopback address of this process' own, so that nobody else takes the port. ``time``:
    the time of every :meth:`query`, so that later scrapes, which may fail under load, do not
    count.
    """

    time: str

    def __init__(self, config: Path, data: Path) -> None:
        self._ready = threading.Event()
        self._output: list[str] = []
        pid = os.getpid()
        host = f"127.{1 + (pid >> 16)}.{pid >> 8 & 255}.{pid & 255}"
        with socket.create_server((host, 0)) as probe:
            self._address = f"{host}:{probe.getsockname()[1]}"
        setpriv = shutil.which("setpriv")  # ends it with tests that are killed
        self._process = subprocess.Popen(
            [
                *([setpriv, "--pdeathsig", "TERM"] if setpriv else []),
                program("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={data}",
                f"--web.listen-address={self._address}",
                "--rules.alert.resend-delay=100ms",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name="prometheus", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                self._output.append(line)
                if "Server is ready to receive web requests" in line:
                    self._ready.set()
        self._ready.set()  # it has ended

    def __enter__(self) -> Self:
        if not self._ready.wait(WAIT) or self._process.poll() is not None:
            self.__exit__()
            pytest.fail("".join(["Prometheus did not start\n", *self._output]))
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(WAIT)
        self._reader.join(WAIT)

    def get(self, path: str, **parameters: str) -> Any:
        """Return the answer of its HTTP API, which must be a success."""
        query = urllib.parse.urlencode(parameters)
        url = f"http://{self._address}/api/v1/{path}?{query}"
        with urllib.request.urlopen(url, timeout=WAIT) as response:
            answer = json.load(response)
        assert answer["status"] == "success"
        assert not answer.get("warnings")
        return answer["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return labels and value of each series, at ``time``."""
        return [
            (each["metric"], float(each["value"][1]))
            for each in self.get("query", query=expression, time=self.time)["result"]
        ]


class Alertmanager:
    """Receives the alerts of a Prometheus."""

    def __init__(self) -> None:
        self._alerts: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        alerts = self._alerts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.end_headers()
                for alert in json.loads(body):
                    alerts.put(alert)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="alertmanager", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(WAIT)
        self._server.server_close()

    def wait_for(self, name: str) -> str:
        """Wait for this alert, and return the time of its evaluation."""
        while True:
            alert = self._alerts.get(timeout=WAIT)
            if alert["labels"]["alertname"] == name:
                return str(alert["startsAt"])
