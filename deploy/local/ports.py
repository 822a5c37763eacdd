"""Free ports, and the process that holds a taken one."""

import fcntl
import os
import secrets
import socket
import tempfile
from collections.abc import Collection
from functools import cache
from pathlib import Path

import psutil

LOOPBACK = "127.0.0.1"
FIRST_PORT, LAST_PORT = 20000, 32000


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Binds as our servers do, so that a port in TIME_WAIT counts as free and a listener's does not."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    with socket.socket() as client:  # macOS lets us bind beside a listener on all interfaces
        return client.connect_ex((host, port)) != 0


_given: set[int] = set()  # a port that was given is taken at once, not only when its program listens


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int, taken: Collection[int] = ()) -> list[int]:
    """Distinct ports, none of them `taken` or given before, below those that the system gives to outgoing connections.

    From that range, a client that retries while its broker is down can be given the broker's own port, connect to
    itself, and keep the broker from coming back.
    """
    return [_give(1, taken) for _ in range(count)]


def free_port_range(count: int) -> int:
    """The first of `count` free ports in a row, as several routers need them."""
    return _give(count, ())


def _give(count: int, taken: Collection[int]) -> int:
    while True:
        first = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT)
        ports = range(first, first + count)
        if any(port in _given or port in taken for port in ports):
            continue
        if all(_claim(port) and is_free(port) for port in ports):
            _given.update(ports)
            return first


def _claim(port: int) -> bool:
    """For this process, until it ends. False where another process of this user has drawn the port before."""
    try:
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _claims() -> int:
    """A file whose byte number N stands for port N. It stays open: closing it would give up all claims."""
    path = Path(tempfile.gettempdir(), f"tallygate-ports-{os.getuid()}")
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def port_owner(port: int) -> str | None:
    """Name and pid of the listener, where this user may read them."""
    try:
        listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        pid = next((c.pid for c in listening if c.laddr and c.laddr.port == port and c.pid), None)
        return None if pid is None else f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.Error:
        return None


def port_in_use(port: int, setting: str, owner: str | None, suggestion: int) -> str:
    by = f" by {owner}" if owner else ""
    return f"Port {port} is already in use{by}; stop it, or use another one: {setting}={suggestion} make run"
