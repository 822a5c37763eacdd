"""All SQL on webhooks and their deliveries as tenants see and ask for them. Every statement is bound to a tenant."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.gateway.quotas import over_quota
from services.gateway.tenants.changes import Change
from services.gateway.tenants.store import HOLD_TENANT, record_change
from services.gateway.webhooks.schemas import State, WebhookChange
from shared.db.pool import Pool
from shared.db.reads import Reads
from shared.webhooks import MOST_WAITING

_SHOWN = """
SELECT w.webhook_id, w.url, w.events, w.name, w.created_at, w.old_secret_until, w.delivered_at, w.failing_since,
       w.rests_until, w.dropped, w.dropped_at, w.disabled_at, w.disabled_because,
       (SELECT count(*) FROM gateway.webhook_deliveries d
        WHERE d.webhook_id = w.webhook_id AND d.settled_at IS NULL) AS waiting
FROM gateway.webhooks w WHERE w.tenant_id = $1
"""

_NEW = """
INSERT INTO gateway.webhooks (webhook_id, tenant_id, url, events, name, sealed_secret, created_at, served_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
"""

_CHANGE = """
UPDATE gateway.webhooks SET
    url = coalesce($3, url), events = coalesce($4, events), name = coalesce($5, name),
    disabled_at = CASE WHEN $6 THEN NULL WHEN NOT $6 THEN coalesce(disabled_at, now()) ELSE disabled_at END,
    disabled_because = CASE WHEN $6 THEN NULL WHEN NOT $6 THEN coalesce(disabled_because, 'it was asked for')
        ELSE disabled_because END,
    failures = CASE WHEN $6 THEN 0 ELSE failures END,
    failing_since = CASE WHEN $6 THEN NULL ELSE failing_since END,
    rests_until = CASE WHEN $6 OR $3 IS NOT NULL THEN NULL ELSE rests_until END
WHERE tenant_id = $1 AND webhook_id = $2
"""

# What waits has its whole time again, from now on.
_BEGIN_AGAIN = """
UPDATE gateway.webhook_deliveries SET begun_at = now(), due_at = now(), failures = 0
WHERE webhook_id = $1 AND settled_at IS NULL
"""

_ROTATE = """
UPDATE gateway.webhooks SET sealed_old_secret = sealed_secret, old_secret_until = $4, sealed_secret = $3
WHERE tenant_id = $1 AND webhook_id = $2
"""

_DELIVERY = """
SELECT d.delivery_id, d.type, d.body, d.accepted_at, d.due_at, d.tries, d.settled_at, d.taken
FROM gateway.webhook_deliveries d JOIN gateway.webhooks w USING (webhook_id)
WHERE w.tenant_id = $1 AND d.webhook_id = $2 AND d.delivery_id = $3
"""

_DELIVERIES = """
SELECT d.delivery_id, d.type, d.accepted_at, d.due_at, d.tries, d.settled_at, d.taken
FROM gateway.webhook_deliveries d JOIN gateway.webhooks w USING (webhook_id)
WHERE w.tenant_id = $1 AND d.webhook_id = $2
    AND ($3::text IS NULL
         OR $3 = CASE WHEN d.taken THEN 'delivered' WHEN d.taken IS NULL THEN 'waiting' ELSE 'failed' END)
    AND ($4::uuid IS NULL OR (d.accepted_at, d.delivery_id) < (
        SELECT b.accepted_at, b.delivery_id FROM gateway.webhook_deliveries b WHERE b.delivery_id = $4))
ORDER BY d.accepted_at DESC, d.delivery_id DESC LIMIT $5
"""

_TEST = """
INSERT INTO gateway.webhook_deliveries (delivery_id, webhook_id, type, body, accepted_at, begun_at, due_at, asked)
SELECT $3, w.webhook_id, $4, $5, now(), now(), now(), true
FROM gateway.webhooks w WHERE w.tenant_id = $1 AND w.webhook_id = $2 AND (
    SELECT count(*) FROM gateway.webhook_deliveries d WHERE d.webhook_id = w.webhook_id AND d.settled_at IS NULL) < $6
"""

_REDELIVER = """
UPDATE gateway.webhook_deliveries d SET
    settled_at = NULL, taken = NULL, asked = true, failures = 0, begun_at = now(), due_at = now()
FROM gateway.webhooks w
WHERE w.tenant_id = $1 AND w.webhook_id = $2 AND d.webhook_id = w.webhook_id AND d.delivery_id = $3
"""


class NewWebhook(NamedTuple):
    webhook_id: UUID
    url: str
    events: Sequence[str]
    name: str
    sealed_secret: str


class WebhookStore:
    """reads: for lists, which may be long. most: webhooks of one tenant."""

    def __init__(self, pool: Pool, reads: Reads, most: int) -> None:
        self._pool = pool
        self._reads = reads
        self._most = most

    async def add(self, new: NewWebhook, change: Change, now: datetime) -> None:
        """Raises TallygateError when the tenant has too many."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(HOLD_TENANT, change.tenant_id)
            has = await connection.fetchval(
                "SELECT count(*) FROM gateway.webhooks WHERE tenant_id = $1", change.tenant_id
            )
            if has >= self._most:
                tip = "Remove one that is not needed: tallygate webhooks remove <id>"
                raise over_quota("webhooks", has, self._most, "TALLYGATE_MAX_WEBHOOKS_PER_TENANT", tip)
            row = (new.webhook_id, change.tenant_id, new.url, new.events, new.name, new.sealed_secret, now)
            await connection.execute(_NEW, *row)
            await record_change(connection, change)

    async def webhooks(self, tenant_id: str) -> list[asyncpg.Record]:
        return await self._reads.fetch(tenant_id, f"{_SHOWN} ORDER BY w.created_at, w.webhook_id", tenant_id)

    async def webhook(self, tenant_id: str, webhook_id: UUID) -> asyncpg.Record | None:
        return await self._pool.fetchrow(f"{_SHOWN} AND w.webhook_id = $2", tenant_id, webhook_id)

    async def change(self, webhook_id: UUID, sent: WebhookChange, change: Change) -> bool:
        """False when the tenant has no such webhook."""
        async with self._pool.acquire() as connection, connection.transaction():
            values = (sent.url, sent.events, sent.name, sent.enabled)
            status = await connection.execute(_CHANGE, change.tenant_id, webhook_id, *values)
            if status == "UPDATE 1":
                if sent.enabled:
                    await connection.execute(_BEGIN_AGAIN, webhook_id)
                await record_change(connection, change)
            return bool(status == "UPDATE 1")

    async def rotate(self, webhook_id: UUID, sealed_secret: str, old_until: datetime, change: Change) -> bool:
        """The secret of now becomes the old one, which signs too until then. False when there is no such webhook."""
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(_ROTATE, change.tenant_id, webhook_id, sealed_secret, old_until)
            if status == "UPDATE 1":
                await record_change(connection, change)
            return bool(status == "UPDATE 1")

    async def remove(self, webhook_id: UUID, change: Change) -> bool:
        """With its deliveries. False when there is no such webhook."""
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(
                "DELETE FROM gateway.webhooks WHERE tenant_id = $1 AND webhook_id = $2", change.tenant_id, webhook_id
            )
            if status == "DELETE 1":
                await record_change(connection, change)
            return bool(status == "DELETE 1")

    # Deliveries

    async def deliveries(
        self, tenant_id: str, webhook_id: UUID, state: State | None, after: UUID | None, limit: int
    ) -> list[asyncpg.Record]:
        """The newest first, from the one after `after` on."""
        return await self._reads.fetch(tenant_id, _DELIVERIES, tenant_id, webhook_id, state, after, limit)

    async def delivery(self, tenant_id: str, webhook_id: UUID, delivery_id: UUID) -> asyncpg.Record | None:
        """With its body."""
        return await self._pool.fetchrow(_DELIVERY, tenant_id, webhook_id, delivery_id)

    async def test(self, tenant_id: str, webhook_id: UUID, delivery_id: UUID, kind: str, body: str) -> bool:
        """False when there is no such webhook, or too much waits for it."""
        row = (tenant_id, webhook_id, delivery_id, kind, body, MOST_WAITING)
        return await self._pool.execute(_TEST, *row) == "INSERT 0 1"

    async def redeliver(self, tenant_id: str, webhook_id: UUID, delivery_id: UUID) -> bool:
        """False when there is no such delivery."""
        return await self._pool.execute(_REDELIVER, tenant_id, webhook_id, delivery_id) == "UPDATE 1"
