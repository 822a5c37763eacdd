"""Settles feature jobs that nobody has settled a minute past their deadline, whoever has them and for whatever reason:
no worker lives, or the one that took the job forgot it or cannot say how it ended.
"""

from datetime import timedelta

import structlog

from services.gateway.feature_jobs.store import FeatureStore, OverdueJob
from shared.background import Periodic
from shared.db.failures import RETRYABLE
from shared.errors import failure
from shared.events import FeatureSettled, Now, utc_now
from shared.events.topics import FEATURE_OUTCOMES
from shared.kafka.publisher import Outgoing, Publisher

logger = structlog.get_logger(__name__)

_AFTER = timedelta(seconds=60)
_EVERY_S = 15.0
_AT_A_TIME = 100
_TIPS = ("See whether a features worker runs: tallygate status", "Then send the job again.")


class OverdueJobs(Periodic):
    def __init__(self, store: FeatureStore, publisher: Publisher, instance: str, now: Now = utc_now) -> None:
        super().__init__("overdue feature jobs", self.settle, _EVERY_S, RETRYABLE)
        self._store = store
        self._publisher = publisher
        self._instance = instance
        self._now = now

    async def settle(self) -> None:
        """Raises TallygateError when the broker does not ack; they are found again then."""
        jobs = await self._store.overdue(self._now() - _AFTER, _AT_A_TIME)
        if jobs:
            words = (self._settled(job) for job in jobs)
            await self._publisher.publish(*(Outgoing(FEATURE_OUTCOMES, word) for word in words))
            logger.warning("feature_jobs.swept", count=len(jobs))

    def _settled(self, job: OverdueJob) -> FeatureSettled:
        now = self._now()
        why = failure(
            "expired", "closed by the sweep: a minute past the deadline nobody had settled the job", tips=_TIPS
        )
        return FeatureSettled(
            event_id=job.feature_id,  # one word, whichever gateways say it and however often
            feature_id=job.feature_id,
            tenant_id=job.tenant_id,
            settlement="expired",
            generator=job.generator,
            error=why,
            delivery=job.delivery,
            accepted_at=job.accepted_at,
            settled_at=now,
            duration_s=max(0.0, (now - job.accepted_at).total_seconds()),
            reported_by=f"gateway/{self._instance}",
        )
