"""Deliver what waits for one webhook, round by round. The webhook is a leased job, so one worker at a time calls it.

What was tried is on record after its round, also when the worker is told to stop; a worker that dies before leaves its
round to the next one, which sends it once more, under the same ids.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import NamedTuple

import structlog

from services.jobs import instruments
from services.jobs.webhooks.deciding import Answer, Round, Tried, after_round, after_try
from services.jobs.webhooks.posting import Poster, signed
from shared.clock import utc_now
from shared.crypto import KeyRing, UnreadableSecretError
from shared.jobs import Leases, LeaseSettings
from shared.webhooks.secrets import open_secret
from shared.webhooks.store import DeliveryStore, Due, TakenHook

logger = structlog.get_logger(__name__)

_ROUND = 16  # deliveries, which a worker that dies may leave to be sent again
_TURN_S = 10.0  # then others may have the place


class DeliverySettings(NamedTuple):
    """at_once: calls of one receiver at a time. give_up_s: for so long a delivery is tried."""

    leases: LeaseSettings
    at_once: int
    give_up_s: float


class Deliverer:
    """The `LeasedWork` of webhooks, with the leases that hand it the webhooks."""

    def __init__(self, settings: DeliverySettings, store: DeliveryStore, poster: Poster, ring: KeyRing) -> None:
        self.leases = Leases(settings.leases, store, self)
        self._settings = settings
        self._store = store
        self._poster = poster
        self._ring = ring

    async def start(self) -> None:
        instruments.webhooks_in_hand.set_function(lambda: self.leases.in_hand)
        await self.leases.start()

    async def stop(self) -> None:
        await self.leases.stop()

    async def run(self, job: TakenHook) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + _TURN_S
        secrets = self._secrets(job)
        most = 1 if job.failures else _ROUND
        while due := await self._store.due(job.job_id, most):
            tries: list[Tried] = []
            try:
                await self._tell(job, secrets, due, tries)
            finally:
                may_go_on = not tries or await self._record(job, tries)
            # What comes now wakes the leases, and the webhook is taken again.
            if not may_go_on or len(due) < most or loop.time() >= ends_at:
                break
            job, most = job._replace(failures=0, failing_since=None), _ROUND
        await self._store.give_back(self._settings.leases.worker_id, job.job_id)

    async def cancelled(self, job: TakenHook) -> None:
        """Nobody cancels a webhook: it is disabled or removed in the database."""

    async def _tell(
        self, job: TakenHook, secrets: Sequence[str] | Answer, due: Sequence[Due], tries: list[Tried]
    ) -> None:
        """Adds to `tries` what was tried. Once something fails nothing more is begun: the receiver may be away."""
        places = asyncio.Semaphore(self._settings.at_once)

        async def tell(delivery: Due) -> None:
            async with places:
                if all(tried.answer.error is None for tried in tries):
                    tries.append(await self._try(job, secrets, delivery))

        async with asyncio.TaskGroup() as group:
            for delivery in due:
                group.create_task(tell(delivery))

    async def _try(self, job: TakenHook, secrets: Sequence[str] | Answer, delivery: Due) -> Tried:
        loop = asyncio.get_running_loop()
        at, began_at = utc_now(), loop.time()
        if isinstance(secrets, Answer):
            answer = secrets
        else:
            headers = signed(secrets, str(delivery.delivery_id), at, delivery.body)
            answer = await self._poster.post(job.url, delivery.body, headers)
        instruments.webhook_tries.labels("delivered" if answer.error is None else "failed").inc()
        return Tried(delivery, answer, at, loop.time() - began_at)

    async def _record(self, job: TakenHook, tries: Sequence[Tried]) -> bool:
        """Whether the webhook may be called further."""
        give_up_s, jitter = self._settings.give_up_s, random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        before = Round(job.failures, job.failing_since, give_up_s)
        state = after_round(before, tries, utc_now(), jitter)
        kept = [after_try(tried, give_up_s, jitter) for tried in tries]
        await self._store.record(self._settings.leases.worker_id, job.job_id, state, kept)
        if state.disabled_because is not None:
            instruments.webhooks_disabled.inc()
            logger.warning(
                "webhook.disabled", webhook_id=str(job.job_id), tenant=job.tenant_id, reason=state.disabled_because
            )
        return state.failures == 0

    def _secrets(self, job: TakenHook) -> Sequence[str] | Answer:
        """Those that sign now; or how every try ends, because they cannot be opened."""
        sealed = [text for text in (job.sealed_secret, job.sealed_old_secret) if text is not None]
        try:
            return [open_secret(self._ring, job.tenant_id, job.job_id, text) for text in sealed]
        except UnreadableSecretError as error:
            return Answer(None, f"was not called: its secret cannot be opened: {error}; rotate it")
