"""Accept a feature job: check what the caller sent, publish it at least once, and store it here."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from services.gateway.feature_jobs.jobs import requested
from services.gateway.feature_jobs.schemas import FeatureBody
from services.gateway.feature_jobs.store import FeatureStore
from services.gateway.feature_jobs.watch import FeatureWorkers
from services.gateway.inference.admission import known_model
from services.gateway.inference.completing import Completing, Sent
from services.gateway.inference.idempotency import IdempotencyKey, idempotency_key
from services.gateway.inference.labels import labels
from services.gateway.inference.once import Once
from services.gateway.quotas import over_quota
from shared.access import Caller
from shared.crypto import KeyRing
from shared.db.failures import RETRYABLE
from shared.errors import TallygateError
from shared.events import FeatureCancelRequested, FeatureRequested, new_id, utc_now
from shared.events.topics import FEATURE_CANCELLATIONS, FEATURE_REQUESTS
from shared.guard import Guard
from shared.inferences import Withdrawals
from shared.kafka.publisher import Outgoing, Publisher
from shared.registry import Registry

logger = structlog.get_logger(__name__)

_FULL_WAIT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptingJobs:
    """once: with stale_after_s 0, since a worker makes one job of a request that is published twice. most_open: jobs of
    one tenant that have not ended. accepting: how many are being accepted here, by tenant."""

    completing: Completing
    registry: Registry
    guard: Guard
    ring: KeyRing
    store: FeatureStore
    workers: FeatureWorkers
    publisher: Publisher
    once: Once
    withdrawals: Withdrawals
    most_open: int
    accepting: Counter[str] = field(default_factory=Counter)

    async def accept(self, caller: Caller, sent: Sent, body: FeatureBody) -> UUID:
        """The job's id; with an Idempotency-Key, that of the job that the key stands for.

        Raises TallygateError for what cannot succeed; then nothing is published, and the key is not claimed. What is
        not acked may run all the same: it is cancelled until that is acked, or with a key left for who asks again.
        """
        key = idempotency_key(sent.headers, caller.tenant_id, sent.route, sent.body)
        if key is not None and await self.once.is_published(key):
            return await self._accepted(caller, sent, body, key)
        await self._check(caller, sent, body)
        with self._one_of_few(caller, await self.store.open_jobs(caller.tenant_id, utc_now())):
            return await self._accepted(caller, sent, body, key)

    async def _accepted(self, caller: Caller, sent: Sent, body: FeatureBody, key: IdempotencyKey | None) -> UUID:
        said = labels(sent.headers)
        if key is None:
            event = requested(self.ring, caller, new_id(), body, said, utc_now())
            sent.named("feature_id", event.feature_id)
            try:
                await self._publish(event, sent)
            except TallygateError:
                self._withdraw(event, sent)
                raise
            return event.feature_id
        claim = await self.once.claim(key)
        sent.named("feature_id", claim.id)
        event = requested(self.ring, caller, claim.id, body, said, utc_now())
        await self.once.publish(claim, lambda _: self._publish(event, sent), until=event.expires_at)
        return claim.id

    @contextmanager
    def _one_of_few(self, caller: Caller, has: int) -> Iterator[None]:
        """Those that are accepted here at this moment count too. Raises TallygateError when the tenant has too many."""
        accepting = self.accepting[caller.tenant_id]
        if has + accepting >= self.most_open:
            tip = "Wait for one to end, or cancel one: tallygate feature list, DELETE /api/features/{id}"
            setting, wait_s = "TALLYGATE_MAX_OPEN_JOBS_PER_TENANT", _FULL_WAIT_S
            raise over_quota("open feature jobs", has + accepting, self.most_open, setting, tip, retry_after_s=wait_s)
        self.accepting[caller.tenant_id] += 1
        try:
            yield
        finally:
            self.accepting[caller.tenant_id] -= 1
            if not self.accepting[caller.tenant_id]:
                del self.accepting[caller.tenant_id]

    async def _check(self, caller: Caller, sent: Sent, body: FeatureBody) -> None:
        used_up = self.completing.over_budget(caller) or self.completing.over_cap(caller, sent.headers)
        if (failure := used_up or self.workers.why_not(body.generator)) is not None:
            raise TallygateError.of(failure)
        if body.model is not None:
            models = await self.registry.refresh(caller.tenant_id)
            known_model(models, body.model, caller.allowed_models)
        if not body.files and not body.archive and body.repo and body.repo.startswith(("https://", "http://")):
            await self.guard.check(body.repo)

    async def _publish(self, event: FeatureRequested, sent: Sent) -> None:
        await self.publisher.publish(Outgoing(FEATURE_REQUESTS, event, sent.traceparent))
        try:
            await self.store.accept(event)
        except RETRYABLE as error:
            # The publication stands, and the row comes with the first word of the worker.
            logger.warning("job.not_stored", reason=type(error).__name__, feature_id=str(event.feature_id))

    def _withdraw(self, event: FeatureRequested, sent: Sent) -> None:
        unwanted = FeatureCancelRequested(feature_id=event.feature_id, tenant_id=event.tenant_id)
        self.withdrawals.withdraw(Outgoing(FEATURE_CANCELLATIONS, unwanted, sent.traceparent), event.expires_at)
