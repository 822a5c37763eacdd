"""Processes that the benchmark starts beside the stack, and stops whatever happens."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.local.failure import with_log
from deploy.local.readiness import http_not_ready
from deploy.local.waiting import NotReady, wait_until

_READY_S = 20.0
_STOP_S = 5.0


@contextmanager
def server(name: str, arguments: list[str], origin: str, logs: Path) -> Iterator[int]:
    """The pid of `python -m <arguments>`, when `GET /healthz` answers.

    In a session of its own: a Ctrl-C in the terminal is for the benchmark, which then stops this one.
    """
    log = logs / f"{name}.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with stopped(process):
        try:
            wait_until(lambda: http_not_ready(f"{origin}/healthz"), _READY_S)
        except NotReady as reason:
            raise with_log(f"The {name} is {reason}.", log) from None
        yield process.pid


@contextmanager
def stopped(process: "subprocess.Popen[Any]") -> Iterator[None]:
    """At the end it has ended."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
