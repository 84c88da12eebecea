"""Idle cost of ``chanfitness watch lnd``: ``python -m benchmarks.idle``.

Watches the fake lnd of the tests, in its own process, or with arguments for ``watch lnd``
after ``--`` a real one. Linux only: all figures are from ``/proc``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from chanfitness import OpenChannel, OutPoint, Vertex
from tests.support.fake_lnd import FakeLnd
from tests.support.lnd_nodes import make_lnddir

_CHANNELS = 20
_VARIANTS = {
    "alone": [],
    "--db": ["--db", "idle.db"],
    "--db --record": ["--db", "idle.db", "--record", "idle.jsonl"],
    "--db --web": ["--db", "idle.db", "--web", "127.0.0.1:0"],
}
_LINE = "{:<16} {:>9} {:>9} {:>8} {:>11} {:>8} {:>13} {:>11}"
_HEAD = _LINE.format(
    "watch lnd", "RSS", "PSS", "threads", "wake-ups", "a core", "to the disk", "files grew"
)


class Sample(NamedTuple):
    """The kernel's figures of a process; ``files``: the bytes in its directory."""

    at: float
    resident: int
    proportional: int
    threads: int
    switches: int
    cpu: float
    written: int
    files: int


class Idle(NamedTuple):
    """The measured cost. Memory and hourly writes in bytes, ``cpu`` as a share of a core."""

    name: str
    resident: int
    proportional: int
    threads: int
    wakeups_a_second: float
    cpu: float
    written_an_hour: float
    growth_an_hour: float


def sample(process: int, directory: Path) -> Sample:
    """Return the present figures of a process."""
    base = Path("/proc", str(process))
    stat = (base / "stat").read_text().rpartition(")")[2].split()
    switches = sum(
        _field(task.read_text(), "voluntary_ctxt_switches")
        + _field(task.read_text(), "nonvoluntary_ctxt_switches")
        for task in base.glob("task/*/status")
    )
    return Sample(
        time.monotonic(),
        _field((base / "status").read_text(), "VmRSS") * 1024,
        _field((base / "smaps_rollup").read_text(), "Pss") * 1024,
        _field((base / "status").read_text(), "Threads"),
        switches,
        (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"),
        _field((base / "io").read_text(), "write_bytes"),
        sum(file.stat().st_size for file in directory.iterdir() if file.is_file()),
    )


def _field(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+)", text, re.MULTILINE)
    assert found is not None, f"the kernel tells no {name}"
    return int(found[1])


def between(name: str, first: Sample, last: Sample) -> Idle:
    """Return the cost between two samples."""
    seconds = last.at - first.at
    return Idle(
        name,
        last.resident,
        last.proportional,
        last.threads,
        (last.switches - first.switches) / seconds,
        (last.cpu - first.cpu) / seconds,
        (last.written - first.written) / seconds * 3600,
        (last.files - first.files) / seconds * 3600,
    )


def line(idle: Idle) -> str:
    """Return a line of the table."""
    return _LINE.format(
        idle.name,
        f"{idle.resident / 1e6:.1f} MB",
        f"{idle.proportional / 1e6:.1f} MB",
        idle.threads,
        f"{idle.wakeups_a_second:.2f} /s",
        f"{idle.cpu:.2%}",
        f"{idle.written_an_hour / 1e6:.2f} MB/h",
        f"{idle.growth_an_hour / 1e6:.2f} MB/h",
    )


def serve(directory: Path) -> None:
    """Run a fake lnd with some channels until standard input ends; print its address."""
    peers = [Vertex(bytes([2]) + bytes([each] * 32)) for each in range(1, _CHANNELS + 1)]
    make_lnddir(directory)
    with FakeLnd() as lnd:
        lnd.set_state(
            [
                OpenChannel(OutPoint(f"{each:064x}", 0), peer, True)
                for each, peer in enumerate(peers, 1)
            ],
            peers,
        )
        print(lnd.rpcserver, flush=True)
        sys.stdin.read()


@contextmanager
def a_fake_lnd() -> Iterator[list[str]]:
    """Run a fake lnd in its own process; yield the arguments of ``watch lnd`` for it."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "benchmarks.idle", "--serve", directory]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            yield ["--rpcserver", process.stdout.readline().strip(), "--lnddir", directory]
            process.communicate()


def measured(name: str, to_lnd: Sequence[str], settle: float, seconds: float) -> Idle:
    """Watch for ``settle`` seconds, then measure for ``seconds``."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        with (directory / "log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "chanfitness", "watch", "lnd", *to_lnd, *_VARIANTS[name]],
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            try:
                time.sleep(settle)
                first = sample(process.pid, directory)
                time.sleep(seconds)
                return between(name, first, sample(process.pid, directory))
            finally:
                process.terminate()
                process.wait()


def main() -> None:
    """Measure each variant, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=120, help="seconds to measure (default: 120)"
    )
    parser.add_argument(
        "--settle", type=float, default=10, help="seconds to wait before (default: 10)"
    )
    parser.add_argument(
        "--only", choices=_VARIANTS, action="append", help="a variant (default: all)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on each line")
    parser.add_argument("--serve", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    parser.add_argument("to_lnd", nargs="*", help="arguments of watch lnd for a real lnd, after --")
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve)
        return
    if not arguments.json:
        print(_HEAD)
    with a_fake_lnd() as to_fake:
        for name in arguments.only or _VARIANTS:
            idle = measured(name, arguments.to_lnd or to_fake, arguments.settle, arguments.seconds)
            print(json.dumps(idle._asdict()) if arguments.json else line(idle), flush=True)


if __name__ == "__main__":
    main()
