"""What nobody has settled a minute past its deadline is settled, and said so in one word by all gateways."""

from datetime import datetime, timedelta
from typing import cast

from services.gateway.feature_jobs.overdue import OverdueJobs
from services.gateway.feature_jobs.store import FeatureStore, OverdueJob
from shared.events import FeatureSettled, new_id
from tests.support.gateway_app import NOW, Broker

JOB = OverdueJob(new_id(), "acme", "llm", 1, NOW - timedelta(hours=1))


class _Store:
    """before: the deadline that was asked for."""

    before: datetime

    async def overdue(self, before: datetime, _most: int) -> list[OverdueJob]:
        self.before = before
        return [JOB]


async def test_an_overdue_job_is_settled_as_expired_and_by_whom_and_why() -> None:
    broker, store = Broker(), _Store()
    for instance in ("g1", "g2"):
        await OverdueJobs(cast(FeatureStore, store), broker, instance, lambda: NOW).settle()
    first, second = cast(list[FeatureSettled], broker.events)
    assert store.before == NOW - timedelta(seconds=60)
    assert (first.feature_id, first.settlement, first.reported_by) == (JOB.feature_id, "expired", "gateway/g1")
    assert first.error is not None
    assert first.error.detail.startswith("closed by the sweep")
    assert first.event_id == second.event_id, "the same word, so that none of them is late"
