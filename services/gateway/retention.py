"""Deletes what is old: idempotency keys, results, background inferences, requests by Kafka, responses, caps of
sessions, feature jobs, and models whose setup never ended."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from services.gateway.background.store import BackgroundStore
from services.gateway.feature_jobs.store import FeatureStore
from services.gateway.inference.store import KeyStore
from services.gateway.ingress.store import UpstreamStore
from services.gateway.models.store import ModelStore
from services.gateway.responses.store import ResponseStore
from services.gateway.session_caps.store import SessionCapStore
from shared.background import Periodic
from shared.db.failures import RETRYABLE
from shared.events import utc_now
from shared.inferences import InferenceStore

logger = structlog.get_logger(__name__)

_EVERY_S = 60.0
_BATCH = 5000  # rows of one statement, so that no lock is held for long


class Retention(Periodic):
    def __init__(
        self,
        keys: KeyStore,
        results: InferenceStore,
        models: ModelStore,
        features: FeatureStore,
        responses: ResponseStore,
        background: BackgroundStore,
        caps: SessionCapStore,
        upstream: UpstreamStore,
        retention_s: float,
        feature_retention_s: float,
        response_retention_s: float,
    ) -> None:
        super().__init__("retention", self._forget, min(_EVERY_S, retention_s), RETRYABLE, at_once=False)
        self._keys = keys
        self._results = results
        self._models = models
        self._features = features
        self._responses = responses
        self._background = background
        self._caps = caps
        self._upstream = upstream
        self._retention = timedelta(seconds=retention_s)
        self._feature_retention = timedelta(seconds=feature_retention_s)
        self._response_retention = timedelta(seconds=response_retention_s)

    async def _forget(self) -> None:
        now = utc_now()
        forgets: tuple[tuple[Callable[[datetime, int], Awaitable[int]], datetime], ...] = (
            (self._keys.forget_keys, now - self._retention),
            (self._results.forget_results, now),  # until when each is kept is said by its row, as of the next ones
            (self._background.forget, now),
            (self._caps.forget, now),
            (self._upstream.forget, now),
            (self._responses.forget_older, now - self._response_retention),
        )
        for forget, before in forgets:
            while await forget(before, _BATCH) == _BATCH:
                pass
        await self._features.forget_older(utc_now() - self._feature_retention)
        await self._forget_drafts()

    async def _forget_drafts(self) -> None:
        """Drafts of setups whose process died; every other setup removes its own draft."""
        if forgotten := await self._models.forget_drafts(utc_now()):
            logger.warning("drafts.forgotten", count=forgotten)
