"""Talks XML-RPC with supervisord over its unix socket."""

import http.client
import socket
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_S = 45.0  # stopping a program may take its whole stopwaitsecs of 30


@dataclass(frozen=True)
class ProgramStatus:
    name: str
    state: str
    pid: int
    uptime_s: int
    detail: str


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(str(self._path))
        except OSError:
            self.sock.close()
            raise


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _UnixConnection(self._path)
        self._connection = (host, connection)  # by which the base class closes it
        return connection


class SupervisorRpc:
    """Raises OSError when no supervisor listens, xmlrpc.client.Fault when it refuses."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def call(self, method: str, *arguments: Any) -> Any:
        with xmlrpc.client.ServerProxy("http://localhost/RPC2", _UnixTransport(self._path)) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def answers(self) -> bool:
        try:
            self.call("getState")
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False
        return True

    def status(self) -> list[ProgramStatus]:
        return [_status(info) for info in self.call("getAllProcessInfo")]


def _status(info: dict[str, Any]) -> ProgramStatus:
    running = info["statename"] == "RUNNING"
    return ProgramStatus(
        name=info["name"],
        state=info["statename"],
        pid=info["pid"],
        uptime_s=info["now"] - info["start"] if running else 0,
        detail=info["spawnerr"] or info["description"],
    )
