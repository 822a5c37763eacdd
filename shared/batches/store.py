"""All SQL of feeding batches: which there are, what is in flight of each, and how far each has come.

Gateways own the tables; this is for the workers that feed. Times are the database's, where they decide.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from shared.batches.values import Endpoint, LastState, Status
from shared.db.database import Database
from shared.db.pool import Connection, Pool
from shared.jobs import LeasedTable, Taking

_COLUMNS = (
    "batch_id", "tenant_id", "api_key_id", "endpoint", "input_file_id", "session", "metadata", "created_at",
    "expires_at", "output_kept_s", "delivery", "idle",
)  # fmt: skip

_STATE = """
SELECT status, ending, total, completed, failed, next_line, next_offset, published_to, waiting, errors,
       output_file_id, error_file_id, expires_at <= now() AS overdue, settled_at
FROM gateway.batches WHERE batch_id = $1
"""

# Whatever is written of a batch is written by who has it: the row is locked until the transaction ends. A process that
# stood still may have it once more, after another: what it knows of it from before is old.
_HOLD = """
SELECT FROM gateway.batches WHERE batch_id = $1 AND worker_id = $2 AND delivery = $3 AND ended_at IS NULL FOR UPDATE
"""

_CHECKED = """
UPDATE gateway.batches SET total = $2, in_progress_at = now(), output_file_id = $3, error_file_id = $4,
    status = CASE WHEN status = 'validating' THEN 'in_progress' ELSE status END
WHERE batch_id = $1
"""

_REFUSED = """
UPDATE gateway.batches SET status = 'failed', ending = 'failed', errors = $2, settled_at = now() WHERE batch_id = $1
"""

_FORGET_LINES = """
WITH gone AS (
    DELETE FROM gateway.batch_lines WHERE batch_id = $1 AND line = ANY($2::integer[]) RETURNING inference_id
)
DELETE FROM gateway.results r USING gone WHERE r.inference_id = gone.inference_id
"""

_NEW_LINES = """
INSERT INTO gateway.batch_lines (batch_id, tenant_id, line, inference_id, custom_id, at, size, sealed_request)
SELECT b.batch_id, b.tenant_id, line.*
FROM gateway.batches b,
    unnest($2::integer[], $3::uuid[], $4::text[], $5::bigint[], $6::integer[], $7::text[]) AS line
WHERE b.batch_id = $1
"""

_PROGRESS = """
UPDATE gateway.batches SET completed = completed + $2, failed = failed + $3, next_line = $4, next_offset = $5,
    published_to = $6, waiting = $7
WHERE batch_id = $1
"""

# What was decided first stays, but for a cancellation, which comes from outside.
_ENDING = """
UPDATE gateway.batches SET ending = $2, errors = errors || $3, waiting = NULL
WHERE batch_id = $1 AND ending IS NULL
"""

_FINALIZING = """
UPDATE gateway.batches SET finalizing_at = coalesce(finalizing_at, now()), waiting = NULL,
    ending = coalesce(ending, CASE WHEN status = 'cancelling' THEN 'cancelled' ELSE 'completed' END),
    status = CASE WHEN status = 'cancelling' THEN status ELSE 'finalizing' END
WHERE batch_id = $1 RETURNING ending
"""

_SETTLED = """
UPDATE gateway.batches SET status = ending, settled_at = now(), output_file_id = $2, error_file_id = $3
WHERE batch_id = $1 AND settled_at IS NULL
"""

# Whoever has waited longest for a place comes first.
_REST = """
UPDATE gateway.batches SET worker_id = NULL, lease_until = NULL, delivery = delivery - 1, turn_at = now(), idle = $3,
    rests_until = now() + make_interval(secs => $2)
WHERE batch_id = $1
"""

# One that is cancelled is ended at once.
_READY = "waiting.rests_until IS NULL OR waiting.rests_until <= now() OR waiting.status = 'cancelling'"

_ENDED = "UPDATE gateway.batches SET ended_at = now(), lease_until = NULL WHERE batch_id = $1"

_IN_FLIGHT = """
SELECT line, inference_id, custom_id, at, size, sealed_request FROM gateway.batch_lines
WHERE batch_id = $1 ORDER BY line
"""

_FORGET = """
DELETE FROM gateway.batches WHERE batch_id IN (
    SELECT batch_id FROM gateway.batches WHERE ended_at < now() - $1::interval ORDER BY ended_at LIMIT $2)
"""


class TakenBatch(NamedTuple):
    """A batch that this worker has. job_id: of the batch. idle: its last rounds that brought nothing."""

    job_id: UUID
    tenant_id: str
    key_id: str
    endpoint: Endpoint
    input_file_id: UUID
    session: str
    metadata: dict[str, Any] | None
    created_at: datetime
    expires_at: datetime
    output_kept_s: float
    delivery: int
    idle: int


class BatchState(NamedTuple):
    """How far a batch has come. ending: what it is going to be, when no more lines are begun. overdue: its time has
    passed."""

    status: Status
    ending: LastState | None
    total: int
    completed: int
    failed: int
    next_line: int
    next_offset: int
    published_to: int
    waiting: str | None
    errors: list[dict[str, Any]]
    output_file_id: UUID | None
    error_file_id: UUID | None
    overdue: bool
    settled_at: datetime | None

    @property
    def is_settled(self) -> bool:
        return self.settled_at is not None


class LineInFlight(NamedTuple):
    """at, size: of its text in the file. sealed_request: of a response, what it was asked with."""

    line: int
    inference_id: UUID
    custom_id: str
    at: int
    size: int
    sealed_request: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What one round has brought. ended: lines whose results are written with it. begun: lines that are to be published
    next. completed, failed: how many more. The rest: how the batch stands then."""

    ended: Collection[int] = ()
    begun: Sequence[LineInFlight] = ()
    completed: int = 0
    failed: int = 0
    next_line: int
    next_offset: int
    published_to: int
    waiting: str | None


class NotOursError(Exception):
    """Another worker has the batch by now, or it has ended: nothing was written."""


Also = Callable[[Connection], Awaitable[None]]


class BatchStore(LeasedTable[TakenBatch]):
    """Batches as leased jobs. Raises DatabaseAwayError, and what RETRYABLE has, while the database is away."""

    def __init__(self, pool: Pool, worker_id: str, most_of_a_tenant: int | None = None) -> None:
        """most_of_a_tenant: batches of one tenant that are fed at a time."""
        taking = Taking("ended_at", "turn_at", _READY, most_of_a_tenant)
        super().__init__(Database(pool), "gateway.batches", "batch_id", _COLUMNS, TakenBatch, taking)
        self._pool = pool
        self._worker_id = worker_id

    async def state(self, batch_id: UUID) -> BatchState | None:
        row = await self._database.fetchrow(_STATE, batch_id)
        return None if row is None else BatchState(*row)

    async def in_flight(self, batch_id: UUID) -> list[LineInFlight]:
        return [LineInFlight(*row) for row in await self._database.fetch(_IN_FLIGHT, batch_id)]

    # Each of the following raises NotOursError.

    async def checked(self, job: TakenBatch, total: int, output_file_id: UUID, error_file_id: UUID, also: Also) -> None:
        """Its file is one that can be worked on. also: what is written with it."""
        await self._write(job, _CHECKED, total, output_file_id, error_file_id, also=also)

    async def refused(self, job: TakenBatch, errors: Sequence[dict[str, Any]]) -> None:
        await self._write(job, _REFUSED, list(errors))

    async def advance(self, job: TakenBatch, made: Progress, also: Also) -> None:
        """also: appends the lines of `made.ended` to the batch's files."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self._hold(connection, job)
            if made.ended:
                await connection.execute(_FORGET_LINES, job.job_id, list(made.ended))
            await also(connection)
            if made.begun:
                columns = [list(column) for column in zip(*made.begun, strict=True)]
                await connection.execute(_NEW_LINES, job.job_id, *columns)
            await connection.execute(
                _PROGRESS, job.job_id, made.completed, made.failed, made.next_line, made.next_offset, made.published_to,
                made.waiting,
            )  # fmt: skip

    async def ending(self, job: TakenBatch, as_what: LastState, errors: Sequence[dict[str, Any]] = ()) -> None:
        """No more lines are begun. What was decided before stays."""
        await self._write(job, _ENDING, as_what, list(errors))

    async def finalizing(self, job: TakenBatch) -> None:
        """From now on it cannot be cancelled."""
        await self._write(job, _FINALIZING)

    async def settled(
        self, job: TakenBatch, output_file_id: UUID | None, error_file_id: UUID | None, also: Also
    ) -> None:
        await self._write(job, _SETTLED, output_file_id, error_file_id, also=also)

    async def rest(self, job: TakenBatch, for_s: float, idle: int) -> None:
        """Gives it back. It is taken again after so many seconds, or when it is cancelled; others come first."""
        await self._write(job, _REST, for_s, idle)

    async def ended(self, job: TakenBatch) -> None:
        await self._write(job, _ENDED)

    async def forget(self, kept_for: timedelta, limit: int) -> int:
        """How many were deleted of those that ended before that."""
        status = await self._database.execute(_FORGET, kept_for, limit)
        return int(status.rpartition(" ")[2])

    async def _write(self, job: TakenBatch, sql: str, *values: Any, also: Also | None = None) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await self._hold(connection, job)
            if also is not None:
                await also(connection)
            await connection.execute(sql, job.job_id, *values)

    async def _hold(self, connection: Connection, job: TakenBatch) -> None:
        if await connection.execute(_HOLD, job.job_id, self._worker_id, job.delivery) != "SELECT 1":
            raise NotOursError
