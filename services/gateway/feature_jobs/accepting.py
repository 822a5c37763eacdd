"""Accept a feature job: check what the caller sent, publish it at least once, and store it here."""

from dataclasses import dataclass
from uuid import UUID

from services.gateway.feature_jobs.jobs import requested
from services.gateway.feature_jobs.schemas import FeatureBody
from services.gateway.feature_jobs.store import FeatureStore
from services.gateway.feature_jobs.watch import FeatureWorkers
from services.gateway.inference.admission import known_model
from services.gateway.inference.completing import Completing, Sent
from services.gateway.inference.idempotency import idempotency_key
from services.gateway.inference.once import Once
from shared.access import Caller
from shared.crypto import KeyRing
from shared.errors import TallygateError
from shared.events import FeatureRequested, new_id, utc_now
from shared.events.topics import FEATURE_REQUESTS
from shared.guard import Guard
from shared.kafka.publisher import Outgoing, Publisher
from shared.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptingJobs:
    """once: with stale_after_s 0, since a worker makes one job of a request that is published twice."""

    completing: Completing
    registry: Registry
    guard: Guard
    ring: KeyRing
    store: FeatureStore
    workers: FeatureWorkers
    publisher: Publisher
    once: Once

    async def accept(self, caller: Caller, sent: Sent, body: FeatureBody) -> UUID:
        """The job's id; with an Idempotency-Key, that of the job that the key stands for.

        Raises TallygateError for what cannot succeed; then nothing is published, and the key is not claimed.
        """
        key = idempotency_key(sent.headers, caller.tenant_id, sent.route, sent.body)
        if key is None or not await self.once.is_published(key):
            await self._check(caller, body)
        if key is None:
            event = requested(self.ring, caller, new_id(), body, utc_now())
            await self._publish(event, sent)
            return event.feature_id
        claim = await self.once.claim(key)
        event = requested(self.ring, caller, claim.id, body, utc_now())
        await self.once.publish(claim, lambda _: self._publish(event, sent), until=event.expires_at)
        return claim.id

    async def _check(self, caller: Caller, body: FeatureBody) -> None:
        self.completing.may_begin(caller)
        if (failure := self.workers.why_not(body.generator)) is not None:
            raise TallygateError.of(failure)
        if body.model is not None:
            models = await self.registry.refresh(caller.tenant_id)
            known_model(models, body.model, caller.allowed_models)
        if not body.files and not body.archive and body.repo and body.repo.startswith(("https://", "http://")):
            await self.guard.check(body.repo)

    async def _publish(self, event: FeatureRequested, sent: Sent) -> None:
        await self.publisher.publish(Outgoing(FEATURE_REQUESTS, event, sent.traceparent))
        await self.store.accept(event.feature_id, event.tenant_id, event.generator, event.model, event.accepted_at)
