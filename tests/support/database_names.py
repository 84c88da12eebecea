"""Ways to give a database file a second name, or to seem to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from .disks import TIMEOUT

Way = Callable[[Path, ExitStack], str]
"""Makes a second name of a database, for the life of the stack."""


def the_same(path: Path, stack: ExitStack) -> str:
    return str(path)


def relative(path: Path, stack: ExitStack) -> str:
    return os.path.relpath(path)


def with_a_slash(path: Path, stack: ExitStack) -> str:
    return f"{path}/"


def through_a_directory(path: Path, stack: ExitStack) -> str:
    return f"{path}/../{path.name}"


def symbolic_link(path: Path, stack: ExitStack) -> str:
    link = path.with_name("symbolic.db")
    link.symlink_to(path)
    return str(link)


def linked_directory(path: Path, stack: ExitStack) -> str:
    link = path.parent.with_name(path.parent.name + "-link")
    link.symlink_to(path.parent)
    stack.callback(link.unlink)
    return str(link / path.name)


def lock_removed(path: Path, stack: ExitStack) -> str:
    path.with_name(path.name + "-lock").unlink()
    return str(path)


def hard_link(path: Path, stack: ExitStack) -> str:
    link = path.with_name("hard.db")
    link.hardlink_to(path)
    return str(link)


def moved(path: Path, stack: ExitStack) -> str:
    return str(path.rename(path.with_name("moved.db")))


def mounted(path: Path, stack: ExitStack) -> str:
    """Make a bind mount, as ``docker -v ./fitness.db:/data/fitness.db`` does."""
    return str(stack.enter_context(mount_of(path)))


@contextmanager
def mount_of(path: Path) -> Iterator[Path]:
    """Make a bind mount of the file."""
    mount = path.with_name("mounted.db")
    mount.touch()
    command = ["mount", "--bind", str(path), str(mount)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file can be mounted here: {error}")
    try:
        yield mount
    finally:
        subprocess.run(["umount", str(mount)], check=True, timeout=TIMEOUT)


ONE_FILE: list[Way] = [
    the_same,
    relative,
    with_a_slash,
    through_a_directory,
    symbolic_link,
    linked_directory,
]
"""Names with the same files beside the database."""

OTHER_LOCK: list[Way] = [hard_link, mounted, moved, lock_removed]
"""Names with other files beside the database than the first name has."""
