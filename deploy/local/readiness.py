"""Checks of readiness. Each returns None when its subject is ready, else why it is not yet."""

import asyncio
import logging
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

PROBE_TIMEOUT_S = 5.0

T = TypeVar("T")

# A broker that does not answer yet is expected here; the client would log it, and nothing configures its logging.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())


def run_apart(work: Callable[[], Coroutine[None, None, T]]) -> T:
    """In a thread of its own: the caller may be inside an event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()


def kafka_not_ready(bootstrap_servers: str) -> str | None:
    return broker_refuses(bootstrap_servers) or run_apart(lambda: _kafka_brokers(bootstrap_servers))


def broker_refuses(bootstrap_servers: str) -> str | None:
    """All that can be asked of the user's own broker, which may want TLS and a password."""
    host, _, port = bootstrap_servers.split(",")[0].strip().rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PROBE_TIMEOUT_S).close()
    except (OSError, ValueError) as error:
        return f"{bootstrap_servers}: {error}"
    return None


def database_not_ready(url: str) -> str | None:
    return run_apart(lambda: _select_one(url))


def create_database(server_url: str, name: str) -> None:
    run_apart(lambda: _create_database(server_url, name))


def http_not_ready(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=PROBE_TIMEOUT_S) as answer:  # noqa: S310 - our own http URL
            return None if answer.status == 200 else f"{url} answers {answer.status}"
    except urllib.error.HTTPError as error:
        with error:
            return f"{url} answers {error.code}: {error.read(500).decode(errors='replace')}"
    except OSError as error:
        return f"{url}: {error}"


async def _kafka_brokers(bootstrap_servers: str) -> str | None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=int(PROBE_TIMEOUT_S * 1000))
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
        return None if cluster["brokers"] else "no broker has joined the cluster"
    except (KafkaError, OSError, TimeoutError) as error:
        return f"{bootstrap_servers}: {error!r}"
    finally:
        await admin.close()


async def _select_one(url: str) -> str | None:
    try:
        connection = await asyncpg.connect(url, timeout=PROBE_TIMEOUT_S)
        await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        return str(error) or repr(error)
    return None


async def _create_database(server_url: str, name: str) -> None:
    connection = await asyncpg.connect(server_url, timeout=PROBE_TIMEOUT_S)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
