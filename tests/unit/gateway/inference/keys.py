"""A table of idempotency keys, by the rules of the SQL."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.gateway.inference.idempotency import IdempotencyKey, KnownKey

Place = tuple[str, str, str]


@dataclass
class Row:
    id: UUID
    body_sha256: bytes
    taken_at: datetime
    published_at: datetime | None = None

    @property
    def known(self) -> KnownKey:
        return KnownKey(self.id, self.body_sha256, self.published_at is not None)


class KeyTable:
    """failing: what marking a key as published raises."""

    def __init__(self) -> None:
        self.rows: dict[Place, Row] = {}
        self.failing: Exception | None = None

    async def claim_key(self, key: IdempotencyKey, new_id: UUID, now: datetime) -> KnownKey:
        return self.rows.setdefault(key[:3], Row(new_id, key.body_sha256, now)).known

    async def known_key(self, key: IdempotencyKey) -> KnownKey | None:
        row = self.rows.get(key[:3])
        return None if row is None else row.known

    async def take_over(self, key: IdempotencyKey, now: datetime, older_than: datetime) -> bool:
        row = self.rows.get(key[:3])
        if row is None or row.published_at is not None or row.taken_at >= older_than:
            return False
        row.taken_at = now
        return True

    async def key_published(self, key: IdempotencyKey, now: datetime) -> None:
        if self.failing is not None:
            raise self.failing
        self.rows[key[:3]].published_at = now
