"""Failing disks: a small one that tests can fill, and a limit that fails all writes."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

TIMEOUT = 30


class Disk:
    """A disk of a few megabytes, mounted at ``directory``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def fill(self) -> None:
        """Leave no byte free."""
        with (self.directory / "filler").open("ab", buffering=0) as filler:
            for size in (65536, 1):
                with suppress(OSError):
                    while True:
                        filler.write(bytes(size))

    def clear(self) -> None:
        """Make room again."""
        (self.directory / "filler").unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Refuse all writes, also root's."""
        self._remount("ro")
        try:
            yield
        finally:
            self._remount("rw")

    def _remount(self, how: str) -> None:
        mount = ["mount", "-o", f"remount,{how}", str(self.directory)]
        subprocess.run(mount, check=True, timeout=TIMEOUT)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Disk]:
    directory = tmp_path / "disk"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(directory)]
    try:
        subprocess.run(mount, check=True, capture_output=True, timeout=TIMEOUT)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small disk can be mounted here: {error}")
    try:
        yield Disk(directory)
    finally:
        subprocess.run(["umount", str(directory)], check=True, timeout=TIMEOUT)


@contextmanager
def no_file_may_grow() -> Iterator[None]:
    """Let every write beyond a file's first byte fail with EFBIG, in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
