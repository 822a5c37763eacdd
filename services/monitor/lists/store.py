"""The SQL of the lists. Every read is bound to a tenant, a span of time, and a number of rows that it looks at.

An inference stands in the list at the time of its settlement, as the sums count it, and while it is open at that of its
acceptance. What a page looks at lies together in an index by tenant and that time, so that a filter that matches
nothing costs a page no more than its share (decision 0035).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.monitor.booked_apart import NO_SHADOW
from services.monitor.cursors import Place
from services.monitor.lists.filters import OPEN, Filters
from services.monitor.lists.page import Found, Row
from shared.db.pool import Connection
from shared.db.reads import Reads

LEAST_ID = UUID(int=0)
SHARE = 10_000  # rows that one page looks at: less than 50 ms

# To plan for every partition takes longer than to read a page: a connection plans once. Not knowing the range, the
# planner would rather sort all that it guesses; rows that come in order are looked at only until the page is full.
_SETTINGS = """
SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL jit = off; SET LOCAL enable_sort = off;
SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off
"""


class Source(NamedTuple):
    """A table whose rows end once. is_open: of a row that has not ended."""

    table: str
    id: str
    begun: str
    ended: str
    is_open: str
    columns: str


INFERENCES = Source(
    "inferences", "inference_id", "accepted_at", "settled_at", "settled_at IS NULL",
    "inference_id, tenant_id, coalesce(settlement, CASE WHEN router_id IS NULL THEN 'accepted' ELSE 'running' END) AS "
    "state, operation_name, key_id, session, tags, accepted_at, settled_at, duration_s, model_requested, first_model, "
    "model_served, server_address, attempts, error_type, error, reported_by",
)  # fmt: skip
ATTEMPTS = Source(
    "attempts", "attempt_id", "started_at", "ended_at", "outcome IS NULL",
    "attempt_id, inference_id, attempt_number, operation_name, key_id, model, provider_name, server_address, reason, "
    "router_id, started_at, ended_at, duration_s, outcome, error_type, error, response_model, finish_reasons, "
    "input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, input_audio_tokens, "
    "output_audio_tokens, usage_state, cost_usd, streamed, first_chunk_s, chunks, reported_by",
)  # fmt: skip

# $1 tenant, $2 since, $3 and $4 where it begins: the time and the id before which everything comes.
_ENDED = """
SELECT {columns} FROM monitor.{table}
WHERE tenant_id = $1 AND {ended} >= $2 AND {ended} <= $3 AND ({ended} < $3 OR {id} < $4)
ORDER BY {ended} DESC, {id} DESC
"""
_FIRST_ENDED = """
SELECT * FROM ({ended_rows} LIMIT {share}) AS looked WHERE {matches} ORDER BY {ended} DESC, {id} DESC LIMIT
"""
_LAST_LOOKED_AT = "SELECT {ended} AS at, {id} AS id FROM ({ended_rows} LIMIT 1 OFFSET {last}) AS looked"
_FIRST_OPEN = """
SELECT {columns} FROM monitor.{table} AS looked
WHERE tenant_id = $1 AND {is_open} AND {begun} >= $2 AND {begun} <= $3 AND ({begun} < $3 OR {id} < $4) AND {matches}
ORDER BY {begun} DESC, {id} DESC LIMIT
"""

# As the sums count it: for the model that served it, and for each one that was called before.
_CALLED = """
(coalesce(model_served, first_model, model_requested, 'auto') = {model} OR first_model = {model}
 OR coalesce(attempts, 2) > 1 AND EXISTS (
    SELECT FROM monitor.attempts AS call WHERE call.inference_id = looked.inference_id AND call.model = {model}))
"""
_FAILED_WITH = """
(error_type = {error} OR coalesce(attempts, 2) > 1 AND EXISTS (
    SELECT FROM monitor.attempts AS call WHERE call.inference_id = looked.inference_id AND call.error_type = {error}))
"""

# The usage of the call that answered, or of the last one; what all of them cost.
_CALLS = """
SELECT DISTINCT ON (inference_id) inference_id, count(*) OVER calls AS calls, sum(cost_usd) OVER calls AS cost_usd,
       outcome, input_tokens, output_tokens, usage_state, first_chunk_s
FROM monitor.attempts
WHERE inference_id = ANY($1::uuid[]) AND inference_id >= $2 AND inference_id <= $3
WINDOW calls AS (PARTITION BY inference_id)
ORDER BY inference_id, outcome IS NOT DISTINCT FROM 'succeeded' DESC, attempt_number DESC, attempt_id
"""


class ListStore:
    def __init__(self, reads: Reads, share: int = SHARE) -> None:
        self._reads = reads
        self._share = share

    async def inferences(self, tenant_id: str, since: datetime, before: Place, filters: Filters, most: int) -> Found:
        """At most `most` open ones, and as many settled. Raises TallygateError as `Reads.snapshot`."""
        return await self._found(INFERENCES, tenant_id, since, before, filters, most)

    async def attempts(self, tenant_id: str, since: datetime, before: Place, most: int) -> Found:
        """As `inferences`: of calls, by the time of their end."""
        return await self._found(ATTEMPTS, tenant_id, since, before, Filters(), most)

    async def calls_of(self, tenant_id: str, inference_ids: Sequence[UUID]) -> dict[UUID, Row]:
        """What the calls of these inferences of the tenant came to."""
        if not inference_ids:
            return {}
        rows = await self._reads.fetch(tenant_id, _CALLS, inference_ids, min(inference_ids), max(inference_ids))
        return {row["inference_id"]: dict(row) for row in rows}

    async def _found(
        self, source: Source, tenant_id: str, since: datetime, before: Place, filters: Filters, most: int
    ) -> Found:
        matches, values = _matches(filters)
        arguments = (tenant_id, since, before.at, before.id)
        still_open: list[Row] = []
        ended: list[Row] = []
        looked_to = None
        async with self._reads.snapshot(tenant_id) as connection:
            await connection.execute(_SETTINGS)
            if filters.state is None or filters.state in OPEN:
                sql = _FIRST_OPEN.format(**source._asdict(), matches=matches) + str(most)
                rows = await connection.fetch(sql, *arguments, *values)
                still_open = [_placed(row, source.begun, source) for row in rows]
            if filters.state not in OPEN:
                ended_rows = _ENDED.format(**source._asdict())
                parts = {"ended": source.ended, "id": source.id, "ended_rows": ended_rows}
                sql = _FIRST_ENDED.format(**parts, share=self._share, matches=matches) + str(most)
                rows = await connection.fetch(sql, *arguments, *values)
                ended = [_placed(row, source.ended, source) for row in rows]
                if len(ended) < most:
                    looked_to = await self._looked_to(connection, parts, arguments)
        return Found(still_open, ended, looked_to)

    async def _looked_to(
        self, connection: Connection, parts: dict[str, str], arguments: tuple[Any, ...]
    ) -> Place | None:
        row = await connection.fetchrow(_LAST_LOOKED_AT.format(**parts, last=self._share - 1), *arguments)
        return None if row is None else Place(row["at"], row["id"])


def _placed(row: Any, at: str, source: Source) -> Row:
    return dict(row) | {"place": Place(row[at], row[source.id])}


def _matches(filters: Filters) -> tuple[str, list[Any]]:
    """A condition on rows `looked`, and its parameters, from $5 on."""
    wanted: list[str] = []
    values: list[Any] = []

    def value(given: object, kind: str = "text") -> str:
        values.append(given)
        return f"${len(values) + 4}::{kind}"

    if filters.state in OPEN:
        wanted.append("router_id IS NULL" if filters.state == "accepted" else "router_id IS NOT NULL")
    elif filters.state is not None:
        wanted.append(f"state = {value(filters.state)}")
    for column, given in (("operation_name", filters.operation), ("key_id", filters.key), ("session", filters.session)):
        if given is not None:
            wanted.append(f"{column} = {value(given)}")
    if filters.key is None:
        wanted.append(NO_SHADOW)
    if filters.tags:
        wanted.append(f"tags @> {value(dict(filters.tags), 'jsonb')}")
    if filters.model is not None:
        wanted.append(_CALLED.format(model=value(filters.model)))
    if filters.error_type is not None:
        wanted.append(_FAILED_WITH.format(error=value(filters.error_type)))
    return " AND ".join(wanted), values
