"""The embedded PostgreSQL alone, with this version's schema."""

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
from deploy.local.readiness import create_database, database_not_ready

_READY_WITHIN_S = 60.0


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """Its DATABASE_URL."""
    home = Home(folder)
    [port] = free_ports(1, set())
    program = postgres_program(home, port, "TALLYGATE_TESTS=1")
    process = subprocess.Popen(program.command, cwd="/", stderr=subprocess.DEVNULL, **places(home).run_as())
    try:
        password = home.postgres_password.read_text()
        server, url = database_url(port, password, "postgres"), database_url(port, password)
        _wait_until_ready(server)
        create_database(server, DATABASE)
        subprocess.run([sys.executable, "-m", "services", "migrate"], env={"DATABASE_URL": url}, check=True)
        yield url
    finally:
        process.send_signal(signal.SIGINT)  # "fast": TERM would wait for every client to leave by itself
        process.wait()
        remove_data(home)


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while (reason := database_not_ready(url)) is not None:
        if time.monotonic() > deadline:
            raise TimeoutError(reason)
        time.sleep(0.05)
