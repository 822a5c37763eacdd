"""The values of a job's finished steps: sealed at rest, and the same for every worker that takes the job."""

from typing import Any
from uuid import UUID

import orjson

from services.features.store import FeaturesStore
from shared.crypto import KeyRing, SealedContext, open_sealed, seal
from shared.events import utc_now


class Steps:
    def __init__(self, store: FeaturesStore, ring: KeyRing, tenant_id: str, feature_id: UUID) -> None:
        self._store = store
        self._ring = ring
        self._tenant_id = tenant_id
        self._feature_id = feature_id

    async def value(self, step_key: str) -> dict[str, Any] | None:
        """None for a step that is not finished."""
        step = await self._store.step(self._feature_id, step_key)
        return None if step is None or step.sealed_value is None else self._opened(step_key, step.sealed_value)

    async def finish(self, step_key: str, value: dict[str, Any]) -> None:
        sealed = seal(self._ring, self._context(step_key), orjson.dumps(value))
        await self._store.finish(self._tenant_id, self._feature_id, step_key, sealed, utc_now())

    async def finished(self, prefix: str) -> dict[str, dict[str, Any]]:
        found = await self._store.finished(self._feature_id)
        return {key: self._opened(key, sealed) for key, sealed in found.items() if key.startswith(prefix)}

    def _opened(self, step_key: str, sealed: str) -> dict[str, Any]:
        value: dict[str, Any] = orjson.loads(open_sealed(self._ring, self._context(step_key), sealed))
        return value

    def _context(self, step_key: str) -> SealedContext:
        return SealedContext(self._tenant_id, f"feature_step/{self._feature_id}", step_key)
