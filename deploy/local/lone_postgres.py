"""The embedded PostgreSQL alone, with this version's schema: for benchmarks and tests."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.home import Home
from deploy.local.ports import free_ports
from deploy.local.postgres import DATABASE, database_url, postgres_program
from deploy.local.postgres_places import places, remove_data
from deploy.local.programs import Program
from deploy.local.readiness import create_database, database_not_ready

_READY_WITHIN_S = 60.0


class Postgres:
    """A server that can be stopped and started. url: the DATABASE_URL of its owner, who may do everything."""

    def __init__(self, home: Home, mark: str) -> None:
        """mark: NAME=value, by which its processes are known."""
        [port] = free_ports(1, set())
        self._home = home
        self._program: Program = postgres_program(home, port, mark)
        self._process: subprocess.Popen[bytes] | None = None
        self._password = home.postgres_password.read_text()
        self.port = port
        self.server_url, self.url = self.database_url("postgres"), self.database_url(DATABASE)

    @property
    def pid(self) -> int:
        """0 when it does not run."""
        return 0 if self._process is None else self._process.pid

    def database_url(self, database: str) -> str:
        """Of another database of this server, for its owner."""
        return database_url(self.port, self._password, database)

    def start(self) -> None:
        run_as = places(self._home).run_as()
        self._process = subprocess.Popen(self._program.command, cwd="/", stderr=subprocess.DEVNULL, **run_as)
        self._wait_until_ready()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """By default "fast": TERM would wait for every client to leave by itself."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()

    def place(self, folder: Path) -> None:
        """Gives the folder to the user of the server."""
        places(self._home).give(folder)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while (reason := database_not_ready(self.server_url)) is not None:
            if time.monotonic() > deadline:
                raise TimeoutError(reason)
            time.sleep(0.05)


@contextmanager
def running_server(folder: Path, mark: str) -> Iterator[Postgres]:
    home = Home(folder)
    server = Postgres(home, mark)
    try:
        server.start()
        create_database(server.server_url, DATABASE)
        migrate, environment = [sys.executable, "-m", "services", "migrate"], {"DATABASE_URL": server.url}
        subprocess.run(migrate, env=environment, check=True, stdout=subprocess.DEVNULL)
        yield server
    finally:
        server.stop()
        remove_data(home)


@contextmanager
def running_postgres(folder: Path, mark: str) -> Iterator[str]:
    """Its DATABASE_URL."""
    with running_server(folder, mark) as server:
        yield server.url
