"""Processes that a benchmark starts beside the stack, and stops whatever happens."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from deploy.local.failure import with_log
from deploy.local.readiness import http_not_ready
from deploy.local.waiting import Check, NotReady, wait_until

_READY_S = 20.0
_STOP_S = 5.0


@contextmanager
def server(name: str, arguments: list[str], origin: str, logs: Path) -> Iterator[int]:
    """The pid of `python -m <arguments>`, when `GET /healthz` answers."""
    command = [sys.executable, "-m", *arguments]
    with running(name, command, logs, lambda: http_not_ready(f"{origin}/healthz")) as pid:
        yield pid


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    logs: Path,
    check: Check,
    *,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = _READY_S,
) -> Iterator[int]:
    """The pid of the command, when it is ready. environment: beside ours. Raises LocalRunError.

    In a session of its own: a Ctrl-C in the terminal is for the benchmark, which then stops this one.
    """
    log = logs / f"{name}.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | dict(environment or {}),
            cwd=logs if environment else None,
        )

    def alive_and_ready() -> str | None:
        if process.poll() is not None:
            raise with_log(f"The {name} has ended with status {process.returncode}.", log)
        return check()

    with stopped(process):
        try:
            wait_until(alive_and_ready, timeout_s)
        except NotReady as reason:
            raise with_log(f"The {name} is {reason}.", log) from None
        yield process.pid


@contextmanager
def stopped(process: "subprocess.Popen[Any]") -> Iterator[None]:
    """At the end it has ended, with what it has started in its session."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
