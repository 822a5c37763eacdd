"""The SQL of leases, for any table of jobs.

Times are the database's: workers' clocks may differ, and must not decide who holds a lease.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from shared.db.database import Database

J = TypeVar("J")

# The row lock gives a row to one worker, and SKIP LOCKED lets others pass it over instead of waiting. Tenants take
# turns: the one that has fewest jobs in work comes first.
_TAKE = """
WITH in_work AS (
    SELECT tenant_id, count(*) AS jobs FROM {table} WHERE {ended_at} IS NULL AND lease_until >= now() GROUP BY 1)
UPDATE {table} SET worker_id = $1, delivery = delivery + 1, lease_until = now() + $2 * interval '1 second'
WHERE {key} = (
    SELECT waiting.{key} FROM {table} waiting LEFT JOIN in_work USING (tenant_id)
    WHERE waiting.{ended_at} IS NULL AND (waiting.lease_until IS NULL OR waiting.lease_until < now()) AND {ready}
    ORDER BY coalesce(in_work.jobs, 0), waiting.{turn_at} LIMIT 1 FOR UPDATE OF waiting SKIP LOCKED)
RETURNING {columns}
"""

_RENEW = """
UPDATE {table} SET lease_until = now() + $3 * interval '1 second'
WHERE worker_id = $1 AND {key} = ANY($2::uuid[]) AND {ended_at} IS NULL RETURNING {key}
"""

_GIVE_BACK = """
UPDATE {table} SET worker_id = NULL, lease_until = NULL, delivery = delivery - 1
WHERE {key} = $2 AND worker_id = $1 AND {ended_at} IS NULL
"""


class Taking(NamedTuple):
    """Which jobs of a table may be taken, and in what order.

    ended_at: the column of when a job ended; one that has ended is not taken. turn_at: the column of the time by which
    the jobs of a tenant take turns. ready: SQL on `waiting`, the job, when there may be nothing to do for it yet.
    most_of_a_tenant: jobs of one tenant that are in work at a time, about: workers that take at the same moment do not
    see each other.
    """

    ended_at: str = "settled_at"
    turn_at: str = "accepted_at"
    ready: str | None = None
    most_of_a_tenant: int | None = None

    @property
    def conditions(self) -> str:
        most = self.most_of_a_tenant
        share = "true" if most is None else f"coalesce(in_work.jobs, 0) < {most:d}"
        return f"{share} AND ({self.ready or 'true'})"


_OLDEST_FIRST = Taking()


class LeasedTable(Generic[J]):
    """Jobs of one table, which has the columns `tenant_id`, `worker_id`, `delivery` (how often a job was taken and not
    given back; 0 at first), `lease_until` and those that `Taking` names; a job that has ended is never taken again.

    Raises DatabaseAwayError while the database cannot be reached.
    """

    def __init__(
        self, database: Database, table: str, key: str, columns: Sequence[str], job: Callable[..., J],
        taking: Taking = _OLDEST_FIRST,
    ) -> None:  # fmt: skip
        """key: the column that identifies a job, a uuid. job: makes a job from the `columns`, in their order."""
        names = {"table": table, "key": key, "columns": ", ".join(columns)} | {
            "ended_at": taking.ended_at, "turn_at": taking.turn_at, "ready": taking.conditions,
        }  # fmt: skip
        self._database = database
        self._job = job
        self._take, self._renew, self._give_back = (sql.format(**names) for sql in (_TAKE, _RENEW, _GIVE_BACK))

    async def take(self, worker_id: str, lease_s: float) -> J | None:
        """Leases a job that no worker has: of the tenant that has fewest in work, the one whose turn it is. None when
        none waits."""
        row = await self._database.fetchrow(self._take, worker_id, lease_s)
        return None if row is None else self._job(*row)

    async def renew(self, worker_id: str, job_ids: Collection[UUID], lease_s: float) -> set[UUID]:
        """Prolongs the leases; returns the jobs that are still this worker's."""
        return {row[0] for row in await self._database.fetch(self._renew, worker_id, list(job_ids), lease_s)}

    async def give_back(self, worker_id: str, job_id: UUID) -> None:
        """Ends the lease, so that another worker can take the job at once. This delivery is not counted."""
        await self._database.execute(self._give_back, worker_id, job_id)
