"""The SQL of the features worker beside that of leases: jobs, their settlements, and the values of finished steps."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.db.database import Database
from shared.jobs import LeasedTable

_NEW_JOB = """
INSERT INTO features.jobs (feature_id, tenant_id, event, traceparent, accepted_at, deadline_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""

_SETTLING = """
UPDATE features.jobs SET settled_event = coalesce(settled_event, $3)
WHERE feature_id = $1 AND worker_id = $2 AND settled_at IS NULL RETURNING settled_event
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
    """job_id: that of the feature. event: the body of its FeatureRequested. delivery: how often it was taken, this time
    included. settled_event: the body of the FeatureSettled that a worker stored and may not have published."""

    job_id: UUID
    tenant_id: str
    event: bytes
    traceparent: str | None
    delivery: int
    settled_event: bytes | None


class StoredStep(NamedTuple):
    inference_id: UUID | None
    published: bool
    sealed_value: str | None


class FeaturesStore(LeasedTable[TakenJob]):
    """Raises DatabaseAwayError while the database cannot be reached."""

    def __init__(self, database: Database) -> None:
        columns = ("feature_id", *TakenJob._fields[1:])
        super().__init__(database, "features.jobs", "feature_id", columns, TakenJob)

    # Jobs

    async def add_job(
        self, feature_id: UUID, tenant_id: str, event: bytes, traceparent: str | None, accepted_at: datetime,
        deadline_at: datetime,
    ) -> None:  # fmt: skip
        """A job that is there already stays as it is."""
        await self._database.execute(_NEW_JOB, feature_id, tenant_id, event, traceparent, accepted_at, deadline_at)

    async def settling(self, worker_id: str, feature_id: UUID, settled_event: bytes) -> bytes | None:
        """Stores how the job ended, and returns what is stored: the first settlement stays, so that a worker that takes
        the job over cannot publish another one. None when the job is not this worker's any more."""
        row = await self._database.fetchrow(_SETTLING, feature_id, worker_id, settled_event)
        return None if row is None else bytes(row["settled_event"])

    async def settled(self, feature_id: UUID, now: datetime) -> None:
        await self._database.execute(
            "UPDATE features.jobs SET settled_at = $2, settled_event = NULL WHERE feature_id = $1", feature_id, now
        )

    async def forget_older(self, before: datetime) -> None:
        await self._database.execute("DELETE FROM features.jobs WHERE settled_at < $1", before)

    # Steps

    async def call(self, tenant_id: str, feature_id: UUID, step_key: str, inference_id: UUID) -> StoredStep:
        """The call that this key stands for: with the given inference id, or with that of an earlier worker."""
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
        """Inference ids of calls that were published and have no answer here yet."""
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
