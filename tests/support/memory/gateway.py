"""The tables of the gateway that an inference needs: idempotency keys and stored results."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.gateway.inference.idempotency import IdempotencyKey, KnownKey
from services.gateway.inference.store import KeyStore
from shared.db.store import Place
from shared.events import ReplyCompleted
from shared.inferences import InferenceStore
from shared.inferences.store import StoredResult
from tests.support.memory.monitor import MonitorTables
from tests.support.memory.turns import Turn, at_once

Sent = tuple[str, str, str]  # tenant, route, and the text of the key


@dataclass(slots=True)
class KeyRow:
    known: KnownKey
    created_at: datetime
    taken_at: datetime
    published_at: datetime | None = None


@dataclass(slots=True)
class GatewayTables:
    keys: dict[Sent, KeyRow] = field(default_factory=dict)
    results: dict[tuple[UUID, str], tuple[StoredResult, datetime]] = field(default_factory=dict)  # the first of a kind
    read: dict[Place, int] = field(default_factory=dict)


class MemoryKeyStore(KeyStore):
    def __init__(self, tables: GatewayTables, turn: Turn = at_once) -> None:
        self._keys = tables.keys
        self._turn = turn

    async def claim_key(self, key: IdempotencyKey, new_id: UUID, now: datetime) -> KnownKey:
        return await self._turn("claim_key", lambda: self._claim(key, new_id, now))

    def _claim(self, key: IdempotencyKey, new_id: UUID, now: datetime) -> KnownKey:
        new = KeyRow(KnownKey(new_id, key.body_sha256, published=False), now, now)
        return self._keys.setdefault(key[:3], new).known

    async def known_key(self, key: IdempotencyKey) -> KnownKey | None:
        return await self._turn("known_key", lambda: self._known(key))

    def _known(self, key: IdempotencyKey) -> KnownKey | None:
        row = self._keys.get(key[:3])
        return None if row is None else row.known

    async def take_over(self, key: IdempotencyKey, now: datetime, older_than: datetime) -> bool:
        return await self._turn("take_over", lambda: self._take_over(key, now, older_than))

    def _take_over(self, key: IdempotencyKey, now: datetime, older_than: datetime) -> bool:
        row = self._keys.get(key[:3])
        if row is None or row.known.published or row.taken_at >= older_than:
            return False
        row.taken_at = now
        return True

    async def key_published(self, key: IdempotencyKey, now: datetime) -> None:
        await self._turn("key_published", lambda: self._published(key, now))

    def _published(self, key: IdempotencyKey, now: datetime) -> None:
        if (row := self._keys.get(key[:3])) is not None:
            row.known, row.published_at = row.known._replace(published=True), now

    async def forget_keys(self, before: datetime, limit: int) -> int:
        return await self._turn("forget_keys", lambda: self._forget(before, limit))

    def _forget(self, before: datetime, limit: int) -> int:
        old = sorted((row.created_at, key) for key, row in self._keys.items() if row.created_at < before)[:limit]
        for _, key in old:
            del self._keys[key]
        return len(old)


class MemoryInferenceStore(InferenceStore):
    def __init__(self, tables: GatewayTables, books: MonitorTables, turn: Turn = at_once) -> None:
        self._results = tables.results
        self._books = books
        self._turn = turn

    async def add_results(self, results: Sequence[StoredResult], _now: datetime, kept_until: datetime) -> None:
        await self._turn("add_results", lambda: self._add(results, kept_until))

    def _add(self, results: Sequence[StoredResult], kept_until: datetime) -> None:
        for result in results:
            self._results.setdefault((result.inference_id, result.ce_type), (result, kept_until))

    async def results(self, inference_ids: Sequence[UUID]) -> list[StoredResult]:
        return await self._turn("results", lambda: self._found(inference_ids))

    def _found(self, inference_ids: Sequence[UUID]) -> list[StoredResult]:
        found = (self._told(inference_id) for inference_id in dict.fromkeys(inference_ids))
        return [result for result in found if result is not None]

    def _told(self, inference_id: UUID) -> StoredResult | None:
        """As the books say that it ended; until they say it, the first."""
        stored = [result for (of, _), (result, _) in self._results.items() if of == inference_id]
        settlement = self._books.inferences.get(inference_id, {}).get("settlement")
        if settlement is not None:
            is_answer = settlement == "completed"
            stored = [result for result in stored if (result.ce_type == ReplyCompleted.ce_type) == is_answer]
        return next(iter(stored), None)

    async def forget_results(self, now: datetime, limit: int) -> int:
        return await self._turn("forget_results", lambda: self._forget(now, limit))

    def _forget(self, now: datetime, limit: int) -> int:
        old = sorted((until, key) for key, (_, until) in self._results.items() if until < now)[:limit]
        for _, key in old:
            del self._results[key]
        return len(old)

    async def begun(self, tenant_id: str, inference_id: UUID, delivery: int) -> bool:
        return await self._turn("begun", lambda: self._books.begun(tenant_id, inference_id, delivery))
