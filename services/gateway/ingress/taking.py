"""Requests of upstream services are taken by the rules by which they are taken over HTTP, as background inferences.

The order is: a row of each, then the request for routers, acked, then the offset. What dies in between is read again,
and the row says that it may have been published: it is the same inference under the same id. What is not taken is told
on its reply topic, from a row as well; where the record itself is at fault it becomes a dead letter.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from services.gateway import instruments
from services.gateway.ingress.admitting import Taken, admitted
from services.gateway.ingress.batch import Batch, as_known, why_another
from services.gateway.ingress.parts import Parts, caller_of
from services.gateway.ingress.reading import Line, Submission
from services.gateway.ingress.refusing import Refusals
from services.gateway.tenants.changes import Change
from shared.db.failures import meaning
from shared.errors import Failure, TallygateError, failure
from shared.events import utc_now
from shared.events.bounds import instant_of
from shared.events.ingress import ANY_TENANT
from shared.events.upstream import UpstreamRequest
from shared.inferences import NotAcknowledgedError
from shared.kafka import ConsumerRecord
from shared.kafka.keeper import Heard
from shared.memory import Memory

logger = structlog.get_logger(__name__)

_HELD_S = 0.5
_RETRY_S = 0.5
_FRESH = timedelta(seconds=5)  # what is read later may be read again, also by a database that has lost its row
_AUDIT_EVERY_S = 60.0
_AUDITED = 1000


class Taking:
    """Of one topic. wake: called when there is a refusal to be told."""

    def __init__(self, parts: Parts, topic: str, wake: Callable[[], None]) -> None:
        self.parts = parts
        self._wake = wake
        self._topic = topic
        self._owner = parts.ingress.owners.get(topic)
        self.held_because: str | None = None  # while requests wait for what only time brings
        self._audited: Memory[str, float] = Memory(_AUDITED)
        self._oldest: datetime | None = None  # when the oldest of the records in hand was published

    def age_s(self) -> float:
        """Of the oldest record in hand; 0 while there is none."""
        return 0.0 if self._oldest is None else max(0.0, (utc_now() - self._oldest).total_seconds())

    async def keep(self, heard: Sequence[Heard[Submission]]) -> None:
        """Returns when all is published, told or set aside. Whatever a record holds, it holds up none behind it."""
        self._oldest = min((at for record, _ in heard if (at := instant_of(record.timestamp))), default=None)
        try:
            await self._keep(heard)
        except Exception as error:
            if len(heard) > 1 or meaning(error) not in {"bad", "unforeseen"}:
                raise
            logger.exception("ingress.failed", topic=self._topic, offset=heard[0].record.offset)
            refusals = Refusals(self.parts, self._topic, self._wake)
            refusals.set_aside(heard[0].record, "internal", f"it could not be taken: {type(error).__name__}")
            await refusals.write()
        finally:
            self.held_because, self._oldest = None, None
        instruments.ingress_records.labels(self._topic).inc(len(heard))

    async def _keep(self, heard: Sequence[Heard[Submission]]) -> None:
        lines = [line.whence for message in heard for line in message.event.lines]
        ids = list({each for whence in lines for each in (whence.inference_id, whence.reply_id)})
        known = await self.parts.store.known(ids) if ids else {}
        batch = Batch(known, Refusals(self.parts, self._topic, self._wake))
        for record, submission in heard:
            if submission.unreadable:
                batch.refusals.set_aside(record, "invalid_request", submission.unreadable)
            wrong = [
                refused
                for line in submission.lines
                if (refused := await self._line(batch, record, submission, line)) is not None
            ]
            if wrong:
                why = "; ".join(each.detail for each in wrong[:3])
                batch.refusals.set_aside(record, wrong[0].error_type, why)
        await self._finish(batch)

    async def _finish(self, batch: Batch) -> None:
        await self._publish(batch)
        await batch.refusals.write()

    async def _line(self, batch: Batch, record: ConsumerRecord, submission: Submission, line: Line) -> Failure | None:
        """What is wrong with the request itself, when it is not taken for that."""
        whence, request, trace = line.whence, line.request, submission.trace_context
        refused_before = batch.known.get(whence.reply_id)
        if refused_before is not None and refused_before.sha256 is None:
            return None
        tenant_id = self.parts.ingress.tenant_of(self._topic, whence.tenant_id)
        if tenant_id is None and whence.tenant_id is not None:
            await self._audit(record, whence.tenant_id)
            return batch.refusals.refuse(line, trace, self._forged(whence.tenant_id))
        if tenant_id is None or request is None:
            return batch.refusals.refuse(line, trace, _invalid(line.wrong or "tenant_id: it is missing"))
        if (over := batch.over.get(tenant_id)) is not None and batch.is_new(whence.inference_id):
            batch.refusals.reject(line, trace, over, tenant_id)  # as cheaply as can be: nothing of it is looked at
            return None
        try:
            taken = await self._when_known(record, submission, line, request, tenant_id)
            if batch.is_there(taken):
                return None
        except TallygateError as error:
            return batch.refusals.refuse(line, trace, error.failure)
        limited = await self._let_in(batch, taken)
        if limited is not None:
            batch.over[tenant_id] = limited
            batch.refusals.reject(line, trace, limited, tenant_id)
            return None
        batch.taken[whence.inference_id] = taken
        return None

    async def _when_known(
        self, record: ConsumerRecord, submission: Submission, line: Line, request: UpstreamRequest, tenant_id: str
    ) -> Taken:
        """As `admitted`; waits while what it depends on, as the registry of models, cannot be read."""
        while True:
            try:
                return await admitted(self.parts, record, submission, line, request, tenant_id)
            except TallygateError as error:
                if error.failure.error_type != "unavailable":
                    raise
                self.held_because = error.failure.detail
                await asyncio.sleep(_HELD_S)

    def _forged(self, claimed: str) -> Failure:
        detail = f"tenant_id: requests on {self._topic} are not {claimed!r}'s"
        tips = ("An operator says whose they are: TALLYGATE_INGRESS_TOPICS",)
        return failure("permission_denied", detail, title="This topic is another tenant's", tips=tips)

    # May it be taken now?

    async def _let_in(self, batch: Batch, taken: Taken) -> Failure | None:
        """Waits while only time helps, where nobody else's requests wait behind it; Kafka keeps them meanwhile. What
        has passed its deadline needs no place there: a router settles it as expired."""
        caller = caller_of(taken.new.tenant_id, self._topic)
        if (used_up := self.parts.completing.over_budget(caller)) is not None:
            return used_up
        while (refusal := await self._limit(batch, taken.new.tenant_id)) is not None:
            if refusal.error_type != "unavailable" and self._owner == ANY_TENANT:
                return refusal
            if taken.order.deadline_at <= utc_now():
                break
            self.held_because = refusal.detail
            await self._finish(batch)  # what is taken already does not wait
            batch.rooms.clear()
            await asyncio.sleep(min(refusal.retry_after_s or _HELD_S, _HELD_S))
        self.held_because = None
        return None

    async def _limit(self, batch: Batch, tenant_id: str) -> Failure | None:
        parts, most = self.parts, self.parts.background.store.most_open
        if tenant_id not in batch.rooms:
            open_now = await parts.store.open_of(tenant_id, utc_now(), most)
            waiting = sum(taken.new.tenant_id == tenant_id for taken in batch.taken.values())
            batch.rooms[tenant_id] = most - open_now - waiting
        if batch.rooms[tenant_id] <= 0:
            detail = f"your tenant has {most} open background inferences, and that is the limit"
            tips = ("Wait until some have ended.", "An operator can raise TALLYGATE_MAX_BACKGROUND_PER_TENANT.")
            return failure("too_many_requests", detail, retry_after_s=10.0, tips=tips)
        caller = caller_of(tenant_id, self._topic)
        if (refusal := parts.completing.refusal_now(caller)) is not None:
            return refusal
        parts.completing.leave(caller)  # nobody waits for it here
        batch.rooms[tenant_id] -= 1
        return None

    # On record, and on its way

    async def _publish(self, batch: Batch) -> None:
        """All that is taken. What cannot be published is told."""
        if not batch.taken:
            return
        taken, batch.taken = list(batch.taken.values()), {}
        now = utc_now()
        news = [each.new for each in taken if each.new.inference_id not in batch.known]
        added = await self.parts.store.add(news, now) if news else set()
        batch.known |= {each.inference_id: as_known(each) for each in news if each.inference_id in added}
        if others := [each.inference_id for each in news if each.inference_id not in added]:
            batch.known |= await self.parts.store.known(others)  # a gateway that had this partition before added it
        await asyncio.gather(*(self._publish_one(each, added, batch, now) for each in taken))

    async def _publish_one(self, taken: Taken, added: set[UUID], batch: Batch, now: datetime) -> None:
        inference_id, known = taken.new.inference_id, batch.known.get(taken.new.inference_id)
        if known is None or why_another(known, taken.new) is not None:  # at this moment, by another gateway
            detail = f"there is no tenant {taken.new.tenant_id!r} here, or the inference_id is another inference's"
            refusal = failure("permission_denied", detail, title="It is not known whose request this is", tips=())
            batch.refusals.refuse(taken.line, taken.new.trace_context, refusal)
            batch.refusals.set_aside(taken.record, refusal.error_type, detail)
            return
        republished = inference_id not in added or now - taken.new.accepted_at > _FRESH
        while True:
            try:
                await self.parts.background.inferences.publish(
                    taken.order, inference_id, store_result=True, republished=republished, awaited=False
                )
            except NotAcknowledgedError as error:
                logger.warning("ingress.not_acked", topic=self._topic, reason=error.failure.detail)
                republished = True
                await asyncio.sleep(_RETRY_S)
            else:
                break
        instruments.ingress_requests.labels(self._topic, "taken").inc()
        if not republished:  # what is read late or again is no time for more load
            self.parts.completing.copy(taken.order, inference_id)

    async def _audit(self, record: ConsumerRecord, claimed: str) -> None:
        """Once a minute for each tenant that is claimed: every one is a dead letter, too."""
        now = asyncio.get_running_loop().time()
        if (last := self._audited.get(claimed)) is not None and now - last < _AUDIT_EVERY_S:
            return
        place = f"{record.topic}:{record.partition}:{record.offset}"
        owner = self._owner or ""
        change = Change(owner, f"kafka:{self._topic}", "ingress.refused", place, {"claimed_tenant": claimed})
        await self.parts.tenants.record(change)
        self._audited.put(claimed, now)


def _invalid(detail: str) -> Failure:
    return failure("invalid_request", detail)
