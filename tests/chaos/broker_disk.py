"""A file system for the broker's log directory alone, which can be full without harm to anything else.

Full is made by shrinking it to what is on it, so that nothing has to be written.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.failure import LocalRunError

_SIZE = "6g"  # of memory, used as it fills
_PAGE = 4096
_TRIES = 20


def cannot_be_full() -> str | None:
    """Why there can be no such file system on this machine."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a file system of its own for the broker needs Linux and root"
    return None if shutil.which("mount") else "there is no mount command"


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """Raises LocalRunError when that is not allowed here, as in most containers."""
    folder.mkdir(parents=True, exist_ok=True)
    if problem := _ran("mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tallygate-chaos", str(folder)):
        raise LocalRunError(f"a file system for the broker cannot be mounted: {problem}")
    try:
        yield
    finally:
        _ran("umount", "--lazy", str(folder))


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Raises LocalRunError."""
    try:
        _shrink(folder)
        yield
    finally:
        _resize(folder, _SIZE)


def _shrink(folder: Path) -> None:
    for _ in range(_TRIES):  # it grows meanwhile
        room = os.statvfs(folder)
        used = (room.f_blocks - room.f_bfree) * room.f_frsize
        problem = _resize(folder, str(used + _PAGE))
        if problem is None:
            return
    raise LocalRunError(f"the broker's file system cannot be made full: {problem}")


def _resize(folder: Path, size: str) -> str | None:
    return _ran("mount", "-o", f"remount,size={size}", str(folder))


def _ran(*command: str) -> str | None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stderr or done.stdout).strip() or f"status {done.returncode}" if done.returncode else None
