"""All SQL of carrying events to webhooks: which there are, what waits for them, and what became of it.

Gateways own the tables; this is for the workers that deliver. Times are the database's.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from shared.db.database import Database
from shared.jobs import LeasedTable, Taking
from shared.webhooks.events import MOST_WAITING

_COLUMNS = (
    "webhook_id", "tenant_id", "url", "sealed_secret",
    "CASE WHEN old_secret_until > now() THEN sealed_old_secret END", "failures", "failing_since",
)  # fmt: skip

# A webhook that rests because nothing was taken is woken by what somebody asked for.
_READY = """
((waiting.rests_until IS NULL OR waiting.rests_until <= now()) AND EXISTS (
    SELECT FROM gateway.webhook_deliveries d
    WHERE d.webhook_id = waiting.webhook_id AND d.settled_at IS NULL AND d.due_at <= now()))
OR EXISTS (
    SELECT FROM gateway.webhook_deliveries d
    WHERE d.webhook_id = waiting.webhook_id AND d.settled_at IS NULL AND d.asked AND d.due_at <= now())
"""

_SUBSCRIBERS = """
SELECT webhook_id, tenant_id, events, created_at FROM gateway.webhooks
WHERE tenant_id = ANY($1::text[]) AND disabled_at IS NULL
"""

# The lock keeps the webhooks where they are until the deliveries are there.
_ADD = """
WITH given AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[])
        WITH ORDINALITY AS one (delivery_id, webhook_id, type, body, place)
    WHERE NOT EXISTS (SELECT FROM gateway.webhook_deliveries d WHERE d.delivery_id = one.delivery_id)
), room AS MATERIALIZED (
    SELECT w.webhook_id, $5 - (SELECT count(*) FROM (
        SELECT FROM gateway.webhook_deliveries d
        WHERE d.webhook_id = w.webhook_id AND d.settled_at IS NULL LIMIT $5) AS waiting) AS places
    FROM gateway.webhooks w WHERE w.webhook_id = ANY($2::uuid[]) ORDER BY w.webhook_id FOR KEY SHARE OF w
), numbered AS (
    SELECT given.*, room.places, row_number() OVER (PARTITION BY webhook_id ORDER BY place) AS turn
    FROM given JOIN room USING (webhook_id)
), added AS (
    INSERT INTO gateway.webhook_deliveries (delivery_id, webhook_id, type, body, accepted_at, begun_at, due_at)
    SELECT delivery_id, webhook_id, type, body, now() + place * interval '1 microsecond', now(), now()
    FROM numbered WHERE turn <= places ORDER BY place
    ON CONFLICT DO NOTHING RETURNING delivery_id
), dropped AS (
    UPDATE gateway.webhooks w SET dropped = w.dropped + beyond.events, dropped_at = now()
    FROM (SELECT webhook_id, count(*) AS events FROM numbered WHERE turn > places GROUP BY 1) AS beyond
    WHERE w.webhook_id = beyond.webhook_id RETURNING beyond.events
)
SELECT (SELECT count(*) FROM added)::int AS added, coalesce((SELECT sum(events) FROM dropped), 0)::int AS dropped
"""

_DUE = """
SELECT delivery_id, body, failures, begun_at FROM gateway.webhook_deliveries
WHERE webhook_id = $1 AND settled_at IS NULL AND due_at <= now() ORDER BY asked DESC, accepted_at, delivery_id LIMIT $2
"""

MOST_TRIES = 50  # of a delivery; a day of them are 29

# Only by the worker that has the webhook. One that somebody disabled meanwhile stays so, for that reason.
_RECORD = f"""
WITH hook AS (
    UPDATE gateway.webhooks SET
        failures = $3, failing_since = $4, rests_until = $5, served_at = now(),
        delivered_at = CASE WHEN $6 THEN now() ELSE delivered_at END,
        disabled_at = coalesce(disabled_at, CASE WHEN $7::text IS NOT NULL THEN now() END),
        disabled_because = coalesce(disabled_because, $7),
        lease_until = CASE WHEN $7::text IS NULL THEN lease_until END
    WHERE webhook_id = $1 AND worker_id = $2 RETURNING webhook_id
)
UPDATE gateway.webhook_deliveries d SET
    tries = CASE WHEN jsonb_array_length(d.tries) < {MOST_TRIES} THEN d.tries ELSE d.tries - 0 END || told.tried,
    failures = d.failures + CASE WHEN told.taken THEN 0 ELSE 1 END,
    due_at = told.due_at,
    taken = told.taken,
    settled_at = CASE WHEN told.taken IS NOT NULL THEN now() END,
    asked = d.asked AND told.taken IS NULL
FROM hook, unnest($8::uuid[], $9::jsonb[], $10::timestamptz[], $11::boolean[])
    AS told (delivery_id, tried, due_at, taken)
WHERE d.delivery_id = told.delivery_id AND d.webhook_id = hook.webhook_id AND d.settled_at IS NULL
"""  # noqa: S608 - only a constant is joined

_FORGET_OLDER = """
DELETE FROM gateway.webhook_deliveries WHERE delivery_id IN (
    SELECT delivery_id FROM gateway.webhook_deliveries WHERE settled_at < now() - $1::interval
    ORDER BY settled_at LIMIT $2)
"""

# The index of the list holds all that is looked at, so rows are read only where vacuum has not been.
_FORGET_BEYOND = """
DELETE FROM gateway.webhook_deliveries WHERE delivery_id IN (
    SELECT beyond.delivery_id FROM gateway.webhooks w CROSS JOIN LATERAL (
        SELECT d.delivery_id FROM gateway.webhook_deliveries d
        WHERE d.webhook_id = w.webhook_id AND d.settled_at IS NOT NULL
        ORDER BY d.accepted_at DESC, d.delivery_id DESC OFFSET $1 LIMIT $2) AS beyond
    LIMIT $2)
"""


class TakenHook(NamedTuple):
    """A webhook that this worker has. job_id: of the webhook. failures, failing_since: rounds in a row in which its
    receiver took nothing, and since when."""

    job_id: UUID
    tenant_id: str
    url: str
    sealed_secret: str
    sealed_old_secret: str | None
    failures: int
    failing_since: datetime | None


class Subscriber(NamedTuple):
    webhook_id: UUID
    tenant_id: str
    events: Sequence[str]
    created_at: datetime


class NewDelivery(NamedTuple):
    delivery_id: UUID
    webhook_id: UUID
    type: str
    body: str


class Added(NamedTuple):
    """dropped: found too many of their webhook waiting."""

    added: int
    dropped: int


class Due(NamedTuple):
    """failures: tries in vain since begun_at."""

    delivery_id: UUID
    body: str
    failures: int
    begun_at: datetime


class Try(NamedTuple):
    """What is kept of one try. due_at: the next one. taken: None while there will be one."""

    delivery_id: UUID
    tried: Mapping[str, object]
    due_at: datetime
    taken: bool | None


class HookState(NamedTuple):
    """What is kept of a webhook after a round. delivered: something was taken. disabled_because: why it
    is called no more."""

    failures: int
    failing_since: datetime | None
    rests_until: datetime | None
    delivered: bool
    disabled_because: str | None


class DeliveryStore(LeasedTable[TakenHook]):
    """Webhooks as leased jobs: who has one delivers to it. Raises DatabaseAwayError while the database is away."""

    def __init__(self, database: Database, most_of_a_tenant: int | None = None) -> None:
        """most_of_a_tenant: webhooks of one tenant that are called at a time."""
        taking = Taking("disabled_at", "served_at", _READY, most_of_a_tenant)
        super().__init__(database, "gateway.webhooks", "webhook_id", _COLUMNS, TakenHook, taking)

    async def subscribers(self, tenants: Collection[str]) -> list[Subscriber]:
        """The webhooks of these tenants that are not disabled."""
        return [Subscriber(*row) for row in await self._database.fetch(_SUBSCRIBERS, list(tenants))]

    async def add(self, new: Sequence[NewDelivery], most_waiting: int = MOST_WAITING) -> Added:
        """One that is there already stays as it is. Of one webhook at most `most_waiting` wait; what is beyond is
        counted at the webhook."""
        columns = [list(column) for column in zip(*new, strict=True)]
        row = await self._database.fetchrow(_ADD, *columns, most_waiting)
        return Added(*row) if row is not None else Added(0, 0)

    async def due(self, webhook_id: UUID, most: int) -> list[Due]:
        """What somebody asked for first, then the oldest."""
        return [Due(*row) for row in await self._database.fetch(_DUE, webhook_id, most)]

    async def record(self, worker_id: str, webhook_id: UUID, state: HookState, tries: Sequence[Try]) -> None:
        """Changes nothing when the webhook is not this worker's any more."""
        columns = [list(column) for column in zip(*tries, strict=True)]
        await self._database.execute(_RECORD, webhook_id, worker_id, *state, *columns)

    async def forget_older(self, kept_for: timedelta, limit: int) -> int:
        """Deletes deliveries that were settled before that; returns how many."""
        return _count(await self._database.execute(_FORGET_OLDER, kept_for, limit))

    async def forget_beyond(self, most: int, limit: int) -> int:
        """Deletes the oldest settled deliveries of webhooks that have more than `most`; returns how many."""
        return _count(await self._database.execute(_FORGET_BEYOND, most, limit))


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])
