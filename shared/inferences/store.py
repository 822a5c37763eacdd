"""All SQL on stored results, and the two questions to the books that others than the monitor have: whether a request
was taken before, and whether a result that has not come is still to be waited for.

The gateway writes results; whoever publishes with `store_result` reads them, by inference ids that are its own.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.db.pool import Pool
from shared.events import ReplyCompleted

RESULTS_CHANNEL = "tallygate_results"  # NOTIFY with the inference id

# A background inference has ended, and said when it was accepted for how long its result is to be kept. That of a line
# of a batch is kept until it is written to the batch's file, which is while the batch has time at the latest.
_NEW_RESULTS = """
WITH given AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[]) AS one (id, tenant_id, ce_type, event)
), ended AS (
    UPDATE gateway.background b
    SET ended_at = $5::timestamptz, kept_until = $5::timestamptz + make_interval(secs => b.kept_s)
    FROM given WHERE b.inference_id = given.id AND b.tenant_id = given.tenant_id AND b.ended_at IS NULL
    RETURNING b.inference_id, b.kept_until
)
INSERT INTO gateway.results (inference_id, tenant_id, ce_type, event, completed_at, kept_until)
SELECT given.id, given.tenant_id, ce_type, event, $5::timestamptz, coalesce(
    ended.kept_until,
    CASE WHEN line.inference_id IS NULL THEN $6::timestamptz ELSE $5::timestamptz + interval '8 days' END)
FROM given LEFT JOIN ended ON ended.inference_id = given.id
    LEFT JOIN gateway.batch_lines line ON line.inference_id = given.id
ON CONFLICT DO NOTHING
"""

# Two routers may have worked on one inference, or a router and the monitor, and have stored an answer and a failure.
# What the books say counts; until they say it, the first one.
TOLD_RESULTS = f"""(
SELECT r.inference_id, r.tenant_id, r.ce_type, r.event
FROM gateway.results r LEFT JOIN monitor.inferences i ON i.inference_id = r.inference_id
WHERE CASE WHEN i.settlement IS NOT NULL THEN (i.settlement = 'completed') = (r.ce_type = '{ReplyCompleted.ce_type}')
    ELSE NOT EXISTS (
        SELECT FROM gateway.results other WHERE other.inference_id = r.inference_id
            AND (other.completed_at, other.ce_type) < (r.completed_at, r.ce_type)) END)
"""  # noqa: S608 - only constants are joined

_TOLD = (
    f"SELECT inference_id, tenant_id, ce_type, event FROM {TOLD_RESULTS} AS told "  # noqa: S608 - as above
    "WHERE inference_id = ANY($1::uuid[])"
)

_FORGET_RESULTS = """
DELETE FROM gateway.results WHERE (inference_id, ce_type) IN (
    SELECT inference_id, ce_type FROM gateway.results WHERE kept_until < $1
    ORDER BY kept_until LIMIT $2 FOR UPDATE SKIP LOCKED)
"""

_BEGUN = """
SELECT EXISTS (
    SELECT FROM monitor.inferences WHERE inference_id = $1 AND tenant_id = $2
        AND (settlement IS NOT NULL OR delivery > $3 OR (delivery = $3 AND router_id IS NOT NULL)))
"""

_ENDED_BEFORE = """
SELECT inference_id FROM monitor.inferences
WHERE tenant_id = $1 AND inference_id = ANY($2::uuid[]) AND settlement IS NOT NULL AND settled_at < $3
"""


class StoredResult(NamedTuple):
    """A reply as it travelled: `event` is its body, in which the answer is sealed."""

    inference_id: UUID
    tenant_id: str
    ce_type: str
    event: bytes


class InferenceStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add_results(self, results: Sequence[StoredResult], now: datetime, kept_until: datetime) -> None:
        """Stores results; the first answer and the first failure of an inference stay. Listeners are notified with the
        inference ids.

        kept_until: of what has no row in gateway.background that says otherwise.
        """
        columns = (list(column) for column in zip(*results, strict=True))
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_NEW_RESULTS, *columns, now, kept_until)
            ids = [str(result.inference_id) for result in results]
            await connection.execute("SELECT pg_notify($1, id) FROM unnest($2::text[]) AS id", RESULTS_CHANNEL, ids)

    async def results(self, inference_ids: Sequence[UUID]) -> list[StoredResult]:
        """Those that are there, and that the books do not contradict."""
        return [StoredResult(*row) for row in await self._pool.fetch(_TOLD, inference_ids)]

    async def forget_results(self, now: datetime, limit: int) -> int:
        """How many were deleted of those that are kept no longer, at most `limit`."""
        return int((await self._pool.execute(_FORGET_RESULTS, now, limit)).rpartition(" ")[2])

    async def begun(self, tenant_id: str, inference_id: UUID, delivery: int) -> bool:
        """Whether a router began with this delivery of the inference, or a later one, or it is settled already.

        It keeps a request that was published twice from being worked on twice. The books may lag, so False is no
        promise.
        """
        return bool(await self._pool.fetchval(_BEGUN, inference_id, tenant_id, delivery))

    async def ended_before(self, tenant_id: str, inference_ids: Sequence[UUID], at: datetime) -> set[UUID]:
        """Those that were settled before, as far as the books know."""
        return {row[0] for row in await self._pool.fetch(_ENDED_BEFORE, tenant_id, inference_ids, at)}
