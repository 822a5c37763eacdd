"""All SQL that books: a batch of events of inferences, or of feature jobs, merged in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.monitor.books.books import ATTEMPT_COLUMNS, INFERENCE_COLUMNS, Books, day_of
from services.monitor.slices import SLICE
from shared.db.pool import Connection, Pool
from shared.db.reads import Reads
from shared.events import AttemptEnded, FeatureEvent, FeatureSettled, FeatureStarted, InferenceEvent

# Columns that the first outcome (or settlement) fills, all of them together.
_OUTCOME = ("outcome", "outcome_event_id", "error_type", "error", "cause", "ended_at", "duration_s", "response_model",
            "finish_reasons", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
            "reasoning_tokens", "input_audio_tokens", "output_audio_tokens", "usage_state", "cost_usd", "streamed",
            "first_chunk_s", "chunks", "reported_by")  # fmt: skip
_SETTLEMENT = ("settlement", "settlement_event_id", "settled_at", "duration_s", "first_model", "model_served",
               "server_address", "attempts", "error_type", "error", "cause", "reported_by")  # fmt: skip


def _merge(
    rows: str, table: str, key: tuple[str, ...], columns: tuple[str, ...], word: str, word_columns: tuple[str, ...],
    rest: str, word_booked_at: str | None = None,
) -> str:  # fmt: skip
    """rows: a parameter, one JSON array for a batch of any size. They are sorted, so that two monitors lock in the same
    order. key: of days' partitions, too, and so it begins with the id of the inference. word_booked_at: the column that
    says when the word was booked."""
    keys = ", ".join(key)
    values = {name: name for name in columns}
    if word_booked_at is not None:
        values[word_booked_at] = f"CASE WHEN {word} IS NOT NULL THEN now() END"
        word_columns = (*word_columns, word_booked_at)
    first = ", ".join(
        f"{name} = CASE WHEN old.{word} IS NULL THEN excluded.{name} ELSE old.{name} END" for name in word_columns
    )
    return f"""
INSERT INTO monitor.{table} AS old ({", ".join(values)})
SELECT {", ".join(values.values())} FROM jsonb_populate_recordset(NULL::monitor.{table}, {rows}::jsonb) ORDER BY {keys}
ON CONFLICT ({keys}) DO UPDATE SET {first}, {rest}
RETURNING {key[-1]} AS id, {word} AS word
"""  # noqa: S608 - only constants are joined


_MERGE_ATTEMPTS = _merge(
    "$1", "attempts", ("inference_id", "attempt_id"), ATTEMPT_COLUMNS, "outcome_event_id", _OUTCOME,
    "reason = coalesce(old.reason, excluded.reason), router_id = coalesce(old.router_id, excluded.router_id), "
    "key_id = coalesce(old.key_id, excluded.key_id), "
    "operation_name = coalesce(old.operation_name, excluded.operation_name), "
    "started_at = CASE WHEN excluded.on_record THEN excluded.started_at ELSE old.started_at END, "
    "on_record = old.on_record OR excluded.on_record",
)  # fmt: skip

# The newest start or hold says which router has the inference now, and where its request is on the topic.
_CURRENT = ("router_id", "deadline_at", "reply_partition", "store_result", "request_partition", "request_offset",
            "last_start_at")  # fmt: skip
_NEWER = (
    "excluded.last_start_at IS NOT NULL AND (old.last_start_at IS NULL "
    "OR (excluded.delivery, excluded.last_start_at, excluded.request_offset) "
    ">= (old.delivery, old.last_start_at, old.request_offset))"
)
_MERGE_INFERENCES = _merge(
    "$2", "inferences", ("inference_id",), INFERENCE_COLUMNS, "settlement_event_id", _SETTLEMENT,
    ", ".join(f"{name} = CASE WHEN {_NEWER} THEN excluded.{name} ELSE old.{name} END" for name in _CURRENT)
    # Of one router the last word counts: its words lie on one partition, in their order.
    + ", held_by = coalesce(old.held_by || excluded.held_by, old.held_by, excluded.held_by)"
    + ", key_id = coalesce(old.key_id, excluded.key_id), session = coalesce(old.session, excluded.session)"
    + ", tags = coalesce(old.tags, excluded.tags), trace_id = coalesce(old.trace_id, excluded.trace_id)"
    + ", operation_name = coalesce(old.operation_name, excluded.operation_name)"
    + ", model_requested = coalesce(old.model_requested, excluded.model_requested)"
    + ", candidates = coalesce(old.candidates, excluded.candidates)"
    + ", delivery = greatest(old.delivery, excluded.delivery)",
    word_booked_at="settlement_booked_at",
)  # fmt: skip

# A statement is a transaction by itself: a batch takes one round trip. Of an inference that was settled before, a call
# that becomes known only now changes what is summed up of it: by which models it was passed over, and what its session
# cost. What is booked of a day of the past is noted beside it, as the day may be sealed already.
_BOOK = f"""
WITH attempts AS ({_MERGE_ATTEMPTS}), inferences AS ({_MERGE_INFERENCES}), touched AS (
    INSERT INTO monitor.touched_slices (tenant_id, at)
    SELECT * FROM unnest($3::text[], $4::timestamptz[])
    UNION SELECT tenant_id, date_bin('{SLICE.seconds} seconds', settled_at, 'epoch') FROM monitor.inferences
          WHERE inference_id = ANY($5::uuid[]) AND settled_at IS NOT NULL
), late AS (
    INSERT INTO monitor.late_bookings (day, ids, signature) SELECT * FROM unnest($6::date[], $7::bytea[], $8::bytea[])
)
SELECT 'outcome_event_id' AS of, id, word FROM attempts
UNION ALL SELECT 'settlement_event_id', id, word FROM inferences
"""  # noqa: S608 - only constants are joined

_LATE = """
WITH late AS (
    INSERT INTO monitor.late_bookings (day, ids, signature) SELECT $7::date, $8::bytea, $9::bytea WHERE $7 IS NOT NULL
)
INSERT INTO monitor.late_words (event_id, inference_id, attempt_id, ce_type, body, booked_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""


Sign = Callable[[date, bytes], bytes]  # a day, and ids of its inferences that are booked late


class BookStore:
    def __init__(self, pool: Pool, sign: Sign | None = None) -> None:
        """sign: None when days are not sealed."""
        self._pool = pool
        self._sign = sign

    async def book(self, books: Books, now: datetime) -> int:
        """Merge a batch in one transaction. Returns how many outcomes and settlements were not the first ones.

        These are written after it. Should that fail, the batch is booked again, and finds them again.
        """
        touched = books.touched_slices
        tenants, slices = [tenant_id for tenant_id, _ in touched], [at for _, at in touched]
        rows = list(books.attempts.values()), list(books.inferences.values())
        late_ids = books.late_ids(now.date())
        signatures = [self._signed(day, ids) for day, ids in late_ids.items()]
        noted = list(late_ids), list(late_ids.values()), signatures
        kept = await self._pool.fetch(_BOOK, *rows, tenants, slices, books.called, *noted) if any(rows) else []
        late = books.late | _late_words(books, kept)
        if late:
            await self._pool.executemany(_LATE, [self._late_row(event, now) for event in late.values()])
        return len(late)

    def _late_row(self, event: InferenceEvent, now: datetime) -> tuple[Any, ...]:
        attempt_id = event.attempt_id if isinstance(event, AttemptEnded) else None
        body = event.model_dump(mode="json", exclude={"last"})  # a fact of its own
        day, ids = day_of(event.inference_id, now.date()), event.inference_id.bytes
        noted = (day, ids, None if day is None else self._signed(day, ids))
        return (event.event_id, event.inference_id, attempt_id, event.ce_type, body, now, *noted)

    def _signed(self, day: date, ids: bytes) -> bytes | None:
        return None if self._sign is None else self._sign(day, ids)


def _late_words(books: Books, kept: Iterable[Any]) -> dict[UUID, InferenceEvent]:
    """The events of this batch, by id, that were not the first of their subject. kept: the words that count."""
    rows = {"outcome_event_id": books.attempts, "settlement_event_id": books.inferences}
    late = {}
    for row in kept:
        mine: UUID | None = rows[row["of"]][row["id"]][row["of"]]
        if mine is not None and row["word"] != mine:
            late[mine] = books.words[mine]
    return late


# Feature jobs. The first FeatureSettled of a job counts.

_STARTED = """
INSERT INTO monitor.features AS known (feature_id, tenant_id, generator, worker_id, delivery, accepted_at, started_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (feature_id) DO UPDATE SET
    worker_id = CASE WHEN excluded.delivery >= known.delivery THEN excluded.worker_id ELSE known.worker_id END,
    delivery = greatest(known.delivery, excluded.delivery),
    started_at = least(known.started_at, excluded.started_at)
"""

_SETTLED = """
INSERT INTO monitor.features AS known (feature_id, tenant_id, generator, delivery, accepted_at, settlement,
    settlement_event_id, settled_at, duration_s, error_type, error, calls, reported_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (feature_id) DO UPDATE SET
    settlement = coalesce(known.settlement, excluded.settlement),
    settled_at = coalesce(known.settled_at, excluded.settled_at),
    duration_s = coalesce(known.duration_s, excluded.duration_s),
    error_type = CASE WHEN known.settlement IS NULL THEN excluded.error_type ELSE known.error_type END,
    error = CASE WHEN known.settlement IS NULL THEN excluded.error ELSE known.error END,
    calls = CASE WHEN known.settlement IS NULL THEN excluded.calls ELSE known.calls END,
    reported_by = coalesce(known.reported_by, excluded.reported_by),
    settlement_event_id = coalesce(known.settlement_event_id, excluded.settlement_event_id),
    late_words = known.late_words + (known.settlement_event_id IS NOT NULL
        AND known.settlement_event_id <> excluded.settlement_event_id)::int
"""

# Two ranges of indexes: what was settled since, and what is open.
_SUMMARY = """
SELECT settlement, error_type, count(*) AS n FROM monitor.features
WHERE tenant_id = $1 AND settled_at >= $2 AND settled_at < $3 GROUP BY 1, 2
UNION ALL
SELECT NULL, NULL, count(*) FROM monitor.features
WHERE tenant_id = $1 AND accepted_at >= $2 AND accepted_at < $3 AND settlement IS NULL
"""


class FeatureCounts(NamedTuple):
    """All jobs in the books. late: settlements that came after the first."""

    started: int
    settled: int
    late: int


class FeatureBooks:
    def __init__(self, pool: Pool, reads: Reads) -> None:
        self._pool = pool
        self._reads = reads

    async def book(self, events: Sequence[FeatureEvent]) -> None:
        """In one transaction; an event that comes twice changes nothing."""
        async with self._pool.acquire() as connection, connection.transaction():
            for event in events:
                await _book(connection, event)

    async def summary(self, tenant_id: str, since: datetime, until: datetime) -> dict[str, Any]:
        by_settlement: dict[str, int] = {}
        by_error: dict[str, int] = {}
        async with self._reads.snapshot(tenant_id) as connection:
            rows = await connection.fetch(_SUMMARY, tenant_id, since, until)
        for row in rows:
            settlement = row["settlement"] or "open"
            by_settlement[settlement] = by_settlement.get(settlement, 0) + row["n"]
            if row["error_type"]:
                by_error[row["error_type"]] = by_error.get(row["error_type"], 0) + row["n"]
        named = {name: by_settlement.get(name, 0) for name in ("completed", "failed", "expired", "cancelled", "open")}
        return {"total": sum(named.values()), **named, "by_error_type": by_error}

    async def counts(self) -> FeatureCounts:
        row = await self._pool.fetchrow(
            "SELECT count(*), count(settlement), coalesce(sum(late_words), 0) FROM monitor.features"
        )
        return FeatureCounts(*row) if row is not None else FeatureCounts(0, 0, 0)


async def _book(connection: Connection, event: FeatureEvent) -> None:
    match event:
        case FeatureStarted():
            await connection.execute(
                _STARTED, event.feature_id, event.tenant_id, event.generator, event.worker_id, event.delivery,
                event.accepted_at, event.started_at,
            )  # fmt: skip
        case FeatureSettled():
            error = event.error.model_dump(mode="json") if event.error else None
            await connection.execute(
                _SETTLED, event.feature_id, event.tenant_id, event.generator, event.delivery, event.accepted_at,
                event.settlement, event.event_id, event.settled_at, event.duration_s,
                event.error.error_type if event.error else None, error,
                [call.model_dump(mode="json") for call in event.calls], event.reported_by,
            )  # fmt: skip
