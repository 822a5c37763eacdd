"""All SQL of the features worker: jobs and whose they are, and what finished steps gave.

Times of leases are the database's, so that no worker's clock decides whose a job is.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.features.database import Database

_NEW_JOB = """
INSERT INTO features.jobs (feature_id, tenant_id, event, traceparent, accepted_at, deadline_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""

# Only one worker gets a row, and a row that another one is getting is passed over. Tenants take turns: whoever has
# fewest jobs in work comes first.
_TAKE = """
WITH in_work AS (
    SELECT tenant_id, count(*) AS jobs FROM features.jobs WHERE settled_at IS NULL AND lease_until >= now() GROUP BY 1)
UPDATE features.jobs SET worker_id = $1, delivery = delivery + 1, lease_until = now() + $2 * interval '1 second'
WHERE feature_id = (
    SELECT waiting.feature_id FROM features.jobs waiting LEFT JOIN in_work USING (tenant_id)
    WHERE waiting.settled_at IS NULL AND (waiting.lease_until IS NULL OR waiting.lease_until < now())
    ORDER BY coalesce(in_work.jobs, 0), waiting.accepted_at LIMIT 1 FOR UPDATE OF waiting SKIP LOCKED)
RETURNING feature_id, tenant_id, event, traceparent, delivery, settled_event
"""

_RENEW = """
UPDATE features.jobs SET lease_until = now() + $3 * interval '1 second'
WHERE worker_id = $1 AND feature_id = ANY($2::uuid[]) AND settled_at IS NULL RETURNING feature_id
"""

_SETTLING = """
UPDATE features.jobs SET settled_event = $3
WHERE feature_id = $1 AND worker_id = $2 AND settled_event IS NULL AND settled_at IS NULL
"""

_CALL = """
INSERT INTO features.steps (tenant_id, feature_id, step_key, inference_id) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
"""

_FINISH = """
INSERT INTO features.steps (tenant_id, feature_id, step_key, sealed_value, finished_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (feature_id, step_key) DO UPDATE
    SET sealed_value = coalesce(features.steps.sealed_value, excluded.sealed_value), finished_at = excluded.finished_at
"""


class TakenJob(NamedTuple):
    """event: the body of its FeatureRequested. settled_event: what its last worker was about to say."""

    feature_id: UUID
    tenant_id: str
    event: bytes
    traceparent: str | None
    delivery: int
    settled_event: bytes | None


class StoredStep(NamedTuple):
    inference_id: UUID | None
    published: bool
    sealed_value: str | None


class FeaturesStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    # Jobs

    async def add_job(
        self, feature_id: UUID, tenant_id: str, event: bytes, traceparent: str | None, accepted_at: datetime,
        deadline_at: datetime,
    ) -> None:  # fmt: skip
        """The same job twice is one."""
        await self._database.execute(_NEW_JOB, feature_id, tenant_id, event, traceparent, accepted_at, deadline_at)

    async def take_job(self, worker_id: str, lease_s: float) -> TakenJob | None:
        """A job that is nobody's: the oldest of the tenant that has fewest in work."""
        row = await self._database.fetchrow(_TAKE, worker_id, lease_s)
        return TakenJob(*row) if row is not None else None

    async def renew(self, worker_id: str, feature_ids: list[UUID], lease_s: float) -> set[UUID]:
        """The jobs that are still this worker's."""
        rows = await self._database.fetch(_RENEW, worker_id, feature_ids, lease_s)
        return {row["feature_id"] for row in rows}

    async def give_back(self, worker_id: str, feature_id: UUID) -> None:
        """For the next worker, at once; this delivery counts as none."""
        await self._database.execute(
            "UPDATE features.jobs SET worker_id = NULL, lease_until = NULL, delivery = delivery - 1 "
            "WHERE feature_id = $1 AND worker_id = $2 AND settled_at IS NULL",
            feature_id,
            worker_id,
        )

    async def settling(self, worker_id: str, feature_id: UUID, settled_event: bytes) -> bool:
        """False when the job is another worker's by now, or the word is written already."""
        return await self._database.execute(_SETTLING, feature_id, worker_id, settled_event) == "UPDATE 1"

    async def settled(self, feature_id: UUID, now: datetime) -> None:
        await self._database.execute(
            "UPDATE features.jobs SET settled_at = $2, settled_event = NULL WHERE feature_id = $1", feature_id, now
        )

    async def forget_older(self, before: datetime) -> None:
        await self._database.execute("DELETE FROM features.jobs WHERE settled_at < $1", before)

    # Steps

    async def call(self, tenant_id: str, feature_id: UUID, step_key: str, inference_id: UUID) -> StoredStep:
        """The call that this key stands for: the one given, or the one that was asked for first."""
        await self._database.execute(_CALL, tenant_id, feature_id, step_key, inference_id)
        found = await self.step(feature_id, step_key)
        if found is None:
            raise LookupError(f"step {step_key} of {feature_id} is gone")
        return found

    async def step(self, feature_id: UUID, step_key: str) -> StoredStep | None:
        row = await self._database.fetchrow(
            "SELECT inference_id, published_at IS NOT NULL, sealed_value FROM features.steps "
            "WHERE feature_id = $1 AND step_key = $2",
            feature_id,
            step_key,
        )
        return StoredStep(*row) if row is not None else None

    async def published(self, feature_id: UUID, step_key: str, now: datetime) -> None:
        await self._database.execute(
            "UPDATE features.steps SET published_at = $3 WHERE feature_id = $1 AND step_key = $2",
            feature_id, step_key, now,
        )  # fmt: skip

    async def open_calls(self, feature_id: UUID) -> list[UUID]:
        """Calls that were asked for and have no answer here yet."""
        rows = await self._database.fetch(
            "SELECT inference_id FROM features.steps "
            "WHERE feature_id = $1 AND published_at IS NOT NULL AND sealed_value IS NULL",
            feature_id,
        )
        return [row["inference_id"] for row in rows]

    async def finish(self, tenant_id: str, feature_id: UUID, step_key: str, sealed_value: str, now: datetime) -> None:
        """The first value of a step stays."""
        await self._database.execute(_FINISH, tenant_id, feature_id, step_key, sealed_value, now)

    async def finished(self, feature_id: UUID) -> dict[str, str]:
        """The sealed values of all finished steps, in the order in which they were finished."""
        rows = await self._database.fetch(
            "SELECT step_key, sealed_value FROM features.steps "
            "WHERE feature_id = $1 AND sealed_value IS NOT NULL ORDER BY finished_at, step_key",
            feature_id,
        )
        return {row["step_key"]: row["sealed_value"] for row in rows}
