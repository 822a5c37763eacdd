"""The stores of one database, in memory or in PostgreSQL, and what they hold."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from services.gateway.inference.store import KeyStore
from services.monitor.books.books import ATTEMPT_COLUMNS, INFERENCE_COLUMNS
from services.monitor.books.store import BookStore
from services.monitor.recovery.store import RecoveryStore
from shared.db.migrate import migrations_of
from shared.db.pool import Pool
from shared.inferences import InferenceStore
from tests.support.memory.gateway import GatewayTables, MemoryInferenceStore, MemoryKeyStore
from tests.support.memory.monitor import MemoryBookStore, MemoryRecoveryStore, MonitorTables

TENANT = "acme"
MIGRATIONS = migrations_of("monitor", Path(__file__).parents[2] / "services/monitor/migrations")

Rows = dict[UUID, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Books:
    """All rows of some inferences, by their ids. late: of late words, by event."""

    attempts: Rows
    inferences: Rows
    late: Rows


@dataclass(frozen=True, slots=True)
class Stores:
    """other_recovery: as another process has it. books_of: what is booked of these inferences."""

    books: BookStore
    recovery: RecoveryStore
    other_recovery: RecoveryStore
    keys: KeyStore
    inferences: InferenceStore
    books_of: Callable[[Sequence[UUID]], Awaitable[Books]]


def memory_stores() -> Stores:
    monitor, gateway = MonitorTables(), GatewayTables()

    async def books_of(ids: Sequence[UUID]) -> Books:
        late = {word.event_id: word._asdict() for word in monitor.late_words.values()}
        return Books(_of(monitor.attempts, ids), _of(monitor.inferences, ids), _of(late, ids))

    return Stores(
        MemoryBookStore(monitor),
        MemoryRecoveryStore(monitor),
        MemoryRecoveryStore(monitor),
        MemoryKeyStore(gateway),
        MemoryInferenceStore(gateway, monitor),
        books_of,
    )


def sql_stores(pool: Pool) -> Stores:
    async def books_of(ids: Sequence[UUID]) -> Books:
        attempts = await pool.fetch("SELECT * FROM monitor.attempts WHERE inference_id = ANY($1)", ids)
        inferences = await pool.fetch("SELECT * FROM monitor.inferences WHERE inference_id = ANY($1)", ids)
        late = await pool.fetch("SELECT * FROM monitor.late_words WHERE inference_id = ANY($1)", ids)
        return Books(
            {row["attempt_id"]: {name: row[name] for name in ATTEMPT_COLUMNS} for row in attempts},
            {row["inference_id"]: {name: row[name] for name in INFERENCE_COLUMNS} for row in inferences},
            {row["event_id"]: dict(row) for row in late},
        )

    return Stores(
        BookStore(pool), RecoveryStore(pool), RecoveryStore(pool), KeyStore(pool, 1000), InferenceStore(pool), books_of
    )


def _of(rows: Mapping[UUID, Mapping[str, Any]], ids: Sequence[UUID]) -> Rows:
    return {key: dict(row) for key, row in rows.items() if row["inference_id"] in ids}
