"""All SQL of the monitor: merge a batch into the books, and read them. Reads are bound to a tenant."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.monitor.books import ATTEMPT_COLUMNS, INFERENCE_COLUMNS, Books, Row
from services.monitor.invariants import Booked
from services.monitor.orphans import Orphan, OrphanAttempt
from shared.db.pool import Connection, Pool
from shared.events import AttemptEnded, InferenceEvent

# Columns that the first word about the outcome (or the settlement) fills, all of them together.
_OUTCOME = ("outcome", "outcome_event_id", "error_type", "error", "ended_at", "duration_s", "response_model",
            "finish_reasons", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_usd",
            "reported_by")  # fmt: skip
_SETTLEMENT = ("settlement", "settlement_event_id", "settled_at", "duration_s", "first_model", "model_served",
               "server_address", "attempts", "error_type", "error", "reported_by")  # fmt: skip


def _merge(table: str, key: str, columns: tuple[str, ...], word: str, word_columns: tuple[str, ...], rest: str) -> str:
    """Rows come as one JSON array, so a batch is one statement whatever its size; sorted, so that two monitors
    lock in the same order."""
    names = ", ".join(columns)
    first = ", ".join(
        f"{name} = CASE WHEN old.{word} IS NULL THEN excluded.{name} ELSE old.{name} END" for name in word_columns
    )
    return f"""
INSERT INTO monitor.{table} AS old ({names})
SELECT {names} FROM jsonb_populate_recordset(NULL::monitor.{table}, $1::jsonb) ORDER BY {key}
ON CONFLICT ({key}) DO UPDATE SET {first}, {rest}
RETURNING {key} AS id, {word} AS word
"""  # noqa: S608 - only constants are joined


_MERGE_ATTEMPTS = _merge(
    "attempts", "attempt_id", ATTEMPT_COLUMNS, "outcome_event_id", _OUTCOME,
    "reason = coalesce(old.reason, excluded.reason), router_id = coalesce(old.router_id, excluded.router_id), "
    "started_at = CASE WHEN excluded.on_record THEN excluded.started_at ELSE old.started_at END, "
    "on_record = old.on_record OR excluded.on_record",
)  # fmt: skip

# The newest start tells who works on the inference now, and where its request lies.
_CURRENT = ("router_id", "deadline_at", "reply_partition", "store_result", "request_partition", "request_offset",
            "last_start_at")  # fmt: skip
_NEWER = (
    "excluded.last_start_at IS NOT NULL AND (old.last_start_at IS NULL "
    "OR (excluded.delivery, excluded.last_start_at) >= (old.delivery, old.last_start_at))"
)
_MERGE_INFERENCES = _merge(
    "inferences", "inference_id", INFERENCE_COLUMNS, "settlement_event_id", _SETTLEMENT,
    ", ".join(f"{name} = CASE WHEN {_NEWER} THEN excluded.{name} ELSE old.{name} END" for name in _CURRENT)
    + ", model_requested = coalesce(old.model_requested, excluded.model_requested)"
    + ", candidates = coalesce(old.candidates, excluded.candidates)"
    + ", delivery = greatest(old.delivery, excluded.delivery)",
)  # fmt: skip

_LATE = """
INSERT INTO monitor.late_words (event_id, inference_id, attempt_id, ce_type, body, booked_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""

_TOUCH = """
INSERT INTO monitor.touched_minutes (tenant_id, minute) SELECT * FROM unnest($1::text[], $2::timestamptz[])
"""

# Inferences of the window ($2..$3) that are settled; with $4, those that called that model.
_SETTLED = """
WITH settled AS MATERIALIZED (
    SELECT i.* FROM monitor.inferences i
    WHERE i.tenant_id = $1 AND i.settled_at >= $2 AND i.settled_at < $3
      AND ($4::text IS NULL OR i.model_served = $4 OR i.first_model = $4 OR EXISTS (
           SELECT 1 FROM monitor.attempts a WHERE a.inference_id = i.inference_id AND a.model = $4)))
"""

_REQUESTS = (
    _SETTLED
    + """
SELECT coalesce(model_served, first_model, model_requested, 'auto') AS model, server_address, settlement, error_type,
       count(*) AS n, count(*) FILTER (WHERE settlement = 'completed' AND model_served <> first_model) AS fallbacks
FROM settled GROUP BY 1, 2, 3, 4
"""
)

_PERFORMANCE = (
    _SETTLED
    + """
SELECT coalesce(avg(duration_s), 0) AS average_s,
       coalesce(percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY duration_s), ARRAY[0, 0, 0])
           AS percentiles
FROM settled WHERE settlement = 'completed'
"""
)

# One row holds only calls whose prompts lie between the same two steps of $5, so that one rate holds for all of them.
_ATTEMPTS = """
SELECT model, outcome, error_type, count(*) AS n, coalesce(sum(cost_usd), 0) AS cost_usd,
       coalesce(sum(input_tokens), 0) AS input_tokens, coalesce(sum(output_tokens), 0) AS output_tokens,
       coalesce(sum(cache_read_tokens), 0) AS cache_read_tokens,
       coalesce(sum(cache_write_tokens), 0) AS cache_write_tokens
FROM monitor.attempts
WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3 AND ($4::text IS NULL OR model = $4)
GROUP BY 1, 2, 3, width_bucket(coalesce(input_tokens, 0), $5::int[])
"""

_ERRORS = """
SELECT ended_at AS at, inference_id, attempt_id, model, error FROM monitor.attempts
WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3 AND ($4::text IS NULL OR model = $4)
  AND outcome = 'failed'
UNION ALL
SELECT settled_at, inference_id, NULL, coalesce(model_requested, 'auto'), error FROM monitor.inferences
WHERE tenant_id = $1 AND settled_at >= $2 AND settled_at < $3 AND $4::text IS NULL
  AND settlement <> 'completed' AND coalesce(attempts, 0) = 0
ORDER BY at DESC LIMIT $5
"""


_RECOVERY_LOCK = 0x0A11  # any number; all monitors must use the same one

_ORPHANS = """
SELECT i.*, a.attempts AS made FROM monitor.inferences i
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(to_jsonb(one) ORDER BY one.attempt_number, one.started_at), '[]'::jsonb) AS attempts,
           (array_agg(one.error_type ORDER BY one.attempt_number DESC, one.started_at DESC))[1] AS last_error,
           bool_or(one.outcome IS NULL) AS any_open
    FROM monitor.attempts one WHERE one.inference_id = i.inference_id) a
WHERE i.settlement IS NULL AND i.router_id IS NOT NULL
  AND (i.router_id = ANY($1) OR (a.last_error = 'handed_back' AND NOT a.any_open))
ORDER BY i.inference_id
"""

_INTEND = """
INSERT INTO monitor.redeliveries AS old (inference_id, delivery, reason, decided_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (inference_id, delivery) DO UPDATE SET decided_at = old.decided_at
RETURNING published_at
"""


class Span(NamedTuple):
    """What a summary is about: a tenant, a window, and one model or (None) all of them."""

    tenant_id: str
    since: datetime
    until: datetime
    model: str | None


class MonitorStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def book(self, books: Books, now: datetime) -> int:
        """Merge a batch in one transaction; returns how many words came late."""
        async with self._pool.acquire() as connection, connection.transaction():
            late = dict(books.late)
            late |= await _merged(connection, _MERGE_ATTEMPTS, books.attempts, "outcome_event_id", books)
            late |= await _merged(connection, _MERGE_INFERENCES, books.inferences, "settlement_event_id", books)
            if touched := books.touched_minutes:
                await connection.execute(_TOUCH, *zip(*touched, strict=True))
            if late:
                await connection.executemany(_LATE, [_late_row(event, now) for event in late.values()])
        return len(late)

    async def inference(self, tenant_id: str, inference_id: UUID) -> Row | None:
        rows = await self._rows(
            "SELECT * FROM monitor.inferences WHERE inference_id = $1 AND tenant_id = $2", inference_id, tenant_id
        )
        return rows[0] if rows else None

    async def attempts_of(self, tenant_id: str, inference_id: UUID) -> list[Row]:
        return await self._rows(
            "SELECT * FROM monitor.attempts WHERE inference_id = $1 AND tenant_id = $2 "
            "ORDER BY attempt_number, attempt_id",
            inference_id,
            tenant_id,
        )

    async def requests(self, span: Span) -> list[Row]:
        return await self._rows(_REQUESTS, *span)

    async def performance(self, span: Span) -> Row:
        return (await self._rows(_PERFORMANCE, *span))[0]

    async def attempts(self, span: Span, steps: Sequence[int] = ()) -> list[Row]:
        """steps: the numbers of input tokens at which the price changes that the calls will be held against."""
        return await self._rows(_ATTEMPTS, *span, list(steps))

    async def errors(self, span: Span, limit: int) -> list[Row]:
        return await self._rows(_ERRORS, *span, limit)

    async def booked(self) -> Booked:
        """Everything in the books, for the audit."""
        attempts = await self._pool.fetch("SELECT attempt_id, outcome_event_id FROM monitor.attempts")
        inferences = await self._pool.fetch("SELECT inference_id, settlement_event_id FROM monitor.inferences")
        return Booked({row[0]: row[1] for row in attempts}, {row[0]: row[1] for row in inferences})

    # Recovery

    @asynccontextmanager
    async def recovery_lock(self) -> AsyncIterator[bool]:
        """True for one monitor at a time; held until the block ends or the connection does."""
        async with self._pool.acquire() as connection, connection.transaction():
            yield bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _RECOVERY_LOCK))

    async def routers_with_open_work(self) -> list[str]:
        rows = await self._pool.fetch(
            "SELECT DISTINCT router_id FROM monitor.inferences WHERE settlement IS NULL AND router_id IS NOT NULL"
        )
        return [row[0] for row in rows]

    async def orphans(self, dead_routers: Sequence[str]) -> list[Orphan]:
        """Unsettled inferences that nobody works on: their router is dead, or their last call was handed back."""
        rows = await self._pool.fetch(_ORPHANS, list(dead_routers))
        return [_orphan(dict(row)) for row in rows]

    async def intend_redelivery(self, orphan: Orphan, delivery: int, now: datetime) -> bool:
        """False when this delivery was published already."""
        published = await self._pool.fetchval(_INTEND, orphan.inference_id, delivery, orphan.router_id, now)
        return published is None

    async def redelivered(self, inference_id: UUID, delivery: int, now: datetime) -> None:
        await self._pool.execute(
            "UPDATE monitor.redeliveries SET published_at = $3 WHERE inference_id = $1 AND delivery = $2",
            inference_id,
            delivery,
            now,
        )

    async def _rows(self, statement: str, *arguments: Any) -> list[Row]:
        return [dict(row) for row in await self._pool.fetch(statement, *arguments)]


def _orphan(row: Mapping[str, Any]) -> Orphan:
    attempts = [
        OrphanAttempt(
            attempt_id=UUID(one["attempt_id"]),
            attempt_number=one["attempt_number"],
            model=one["model"],
            provider_name=one["provider_name"],
            server_address=one["server_address"],
            started_at=datetime.fromisoformat(one["started_at"]),
            outcome=one["outcome"],
            error=one["error"],
        )
        for one in row["made"]
    ]
    return Orphan(
        inference_id=row["inference_id"],
        tenant_id=row["tenant_id"],
        router_id=row["router_id"],
        delivery=row["delivery"],
        accepted_at=row["accepted_at"],
        deadline_at=row["deadline_at"],
        model_requested=row["model_requested"],
        request_partition=row["request_partition"],
        request_offset=row["request_offset"],
        reply_partition=row["reply_partition"],
        store_result=bool(row["store_result"]),
        attempts=attempts,
    )


async def _merged(
    connection: Connection, statement: str, rows: Mapping[UUID, Row], word: str, books: Books
) -> dict[UUID, InferenceEvent]:
    """The words of this batch that were not the first."""
    if not rows:
        return {}
    kept = await connection.fetch(statement, list(rows.values()))
    late = {}
    for row in kept:
        mine: UUID | None = rows[row["id"]][word]
        if mine is not None and row["word"] != mine:
            late[mine] = books.words[mine]
    return late


def _late_row(event: InferenceEvent, now: datetime) -> tuple[Any, ...]:
    attempt_id = event.attempt_id if isinstance(event, AttemptEnded) else None
    return (event.event_id, event.inference_id, attempt_id, event.ce_type, event.model_dump(mode="json"), now)
