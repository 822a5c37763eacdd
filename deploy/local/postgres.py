"""A real PostgreSQL from a PyPI wheel: made once, TCP on loopback with a password, durable."""

import os
import shutil
import subprocess
from pathlib import Path

from deploy.local.failure import LocalRunError
from deploy.local.home import Home
from deploy.local.keyfiles import new_password, read_or_create, write_private
from deploy.local.ports import LOOPBACK
from deploy.local.postgres_places import Places, places
from deploy.local.programs import Program
from deploy.local.progress import step

ROLE = DATABASE = "tallygate"
PRIORITY = 10
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def postgres_program(home: Home, port: int, mark: str) -> Program:
    password = read_or_create(home.postgres_password, new_password)
    where = places(home)
    if not (where.data / "PG_VERSION").exists():
        _initdb(where, password)
    return Program(
        name="postgres",
        command=["/usr/bin/env", "-i", mark, "LC_ALL=C", *postgres_command(where, port)],
        priority=PRIORITY,
        stop_signal="INT",  # "fast" shutdown: TERM would wait until every client has disconnected
        user=where.user,
        directory="/",
    )


def postgres_command(where: Places, port: int) -> list[str]:
    settings = {**SETTINGS, "port": str(port)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [str(where.bin / "postgres"), "-D", str(where.data), *options]


def database_url(port: int, password: str, database: str = DATABASE) -> str:
    return f"postgresql://{ROLE}:{password}@{LOOPBACK}:{port}/{database}"


def _initdb(where: Places, password: str) -> None:
    """Into a folder beside, renamed at the end: a data folder that is there is complete."""
    partial = where.data.with_name(f"{where.data.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    password_file = partial.with_name(f"{where.data.name}.pwfile")
    write_private(password_file, password)
    try:
        for path in (partial, password_file):
            where.give(path)
        with step("create the PostgreSQL data folder"):
            _run_initdb(where, partial, password_file)
    finally:
        password_file.unlink()
    partial.rename(where.data)


def _run_initdb(where: Places, data: Path, password_file: Path) -> None:
    command = [str(where.bin / "initdb"), "-D", str(data), "-U", ROLE, f"--pwfile={password_file}"]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
    done = subprocess.run(
        command,
        env={"PATH": os.defpath},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **where.run_as(),
    )
    if done.returncode:
        raise LocalRunError(f"PostgreSQL could not create its data folder {data}:\n{done.stdout}{done.stderr}")
