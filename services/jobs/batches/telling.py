"""Tell webhooks that a batch is finished. Told twice is told once: the id of a delivery is made of the batch."""

from collections.abc import Callable

from services.jobs.webhooks.facts import batch_fact, deliveries
from shared.batches.store import BatchStore, TakenBatch
from shared.webhooks.store import DeliveryStore


class Teller:
    """wake: there may be something to deliver."""

    def __init__(self, batches: BatchStore, deliveries: DeliveryStore, wake: Callable[[], None]) -> None:
        self._batches = batches
        self._deliveries = deliveries
        self._wake = wake

    async def tell(self, job: TakenBatch) -> None:
        state = await self._batches.state(job.job_id)
        subscribers = await self._deliveries.subscribers({job.tenant_id})
        if state is None or state.settled_at is None or not subscribers:
            return
        if new := deliveries([batch_fact(job, state, state.settled_at)], subscribers):
            await self._deliveries.add(new)
            self._wake()
