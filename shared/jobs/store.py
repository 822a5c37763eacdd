"""The SQL of leases, for any table of jobs.

Times are the database's: workers' clocks may differ, and must not decide who holds a lease.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Generic, TypeVar
from uuid import UUID

from shared.db.database import Database

J = TypeVar("J")

# The row lock gives a row to one worker, and SKIP LOCKED lets others pass it over instead of waiting. Tenants take
# turns: the one that has fewest jobs in work comes first.
_TAKE = """
WITH in_work AS (
    SELECT tenant_id, count(*) AS jobs FROM {table} WHERE settled_at IS NULL AND lease_until >= now() GROUP BY 1)
UPDATE {table} SET worker_id = $1, delivery = delivery + 1, lease_until = now() + $2 * interval '1 second'
WHERE {key} = (
    SELECT waiting.{key} FROM {table} waiting LEFT JOIN in_work USING (tenant_id)
    WHERE waiting.settled_at IS NULL AND (waiting.lease_until IS NULL OR waiting.lease_until < now())
    ORDER BY coalesce(in_work.jobs, 0), waiting.accepted_at LIMIT 1 FOR UPDATE OF waiting SKIP LOCKED)
RETURNING {columns}
"""

_RENEW = """
UPDATE {table} SET lease_until = now() + $3 * interval '1 second'
WHERE worker_id = $1 AND {key} = ANY($2::uuid[]) AND settled_at IS NULL RETURNING {key}
"""

_GIVE_BACK = """
UPDATE {table} SET worker_id = NULL, lease_until = NULL, delivery = delivery - 1
WHERE {key} = $2 AND worker_id = $1 AND settled_at IS NULL
"""


class LeasedTable(Generic[J]):
    """Jobs of one table, which has the columns `tenant_id`, `accepted_at`, `worker_id`, `delivery` (how often a job
    was taken; 0 at first), `lease_until` and `settled_at`; a job with a `settled_at` is never taken again.

    Raises DatabaseAwayError while the database cannot be reached.
    """

    def __init__(self, database: Database, table: str, key: str, columns: Sequence[str], job: Callable[..., J]) -> None:
        """key: the column that identifies a job, a uuid. job: makes a job from the `columns`, in their order."""
        names = {"table": table, "key": key, "columns": ", ".join(columns)}
        self._database = database
        self._job = job
        self._take, self._renew, self._give_back = (sql.format(**names) for sql in (_TAKE, _RENEW, _GIVE_BACK))

    async def take(self, worker_id: str, lease_s: float) -> J | None:
        """Leases a job that no worker has: the oldest of the tenant that has fewest in work. None when none waits."""
        row = await self._database.fetchrow(self._take, worker_id, lease_s)
        return None if row is None else self._job(*row)

    async def renew(self, worker_id: str, job_ids: Collection[UUID], lease_s: float) -> set[UUID]:
        """Prolongs the leases; returns the jobs that are still this worker's."""
        return {row[0] for row in await self._database.fetch(self._renew, worker_id, list(job_ids), lease_s)}

    async def give_back(self, worker_id: str, job_id: UUID) -> None:
        """Ends the lease, so that another worker can take the job at once. This delivery is not counted."""
        await self._database.execute(self._give_back, worker_id, job_id)
