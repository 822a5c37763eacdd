"""Requests of upstream services are taken by the rules by which they are taken over HTTP, as background inferences.

The order is: a row of each, then the request for routers, acked, then the offset. What dies in between is read again,
and the row says that it may have been published: it is the same inference under the same id. What is not taken is told
on its reply topic, from a row as well; where the record itself is at fault it becomes a dead letter.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import structlog

from services.gateway.background.asking import admit
from services.gateway.background.background import BackgroundInferences
from services.gateway.bodies import InvalidBodyError
from services.gateway.inference.completing import Completing
from services.gateway.inference.labels import Labels
from services.gateway.ingress.reading import (
    Line,
    Submission,
    asked_by_kafka,
    body_of,
    digest_of,
    operation_of,
)
from services.gateway.ingress.store import Known, New, Refused, ReplyKeyStore, UpstreamStore
from services.gateway.tenants.changes import Change
from services.gateway.tenants.store import TenantStore
from shared.access import Caller
from shared.db.failures import meaning
from shared.errors import Failure, TallygateError, failure
from shared.events import utc_now
from shared.events.ingress import ANY_TENANT, Ingress
from shared.events.upstream import UpstreamReplyFailed, UpstreamRequest
from shared.inferences import NotAcknowledgedError, Order
from shared.kafka import ConsumerRecord
from shared.kafka.dead_letters.sending import dead_letter
from shared.kafka.keeper import Heard
from shared.kafka.publisher import Publisher
from shared.memory import Memory

logger = structlog.get_logger(__name__)

_HELD_S = 0.5
_RETRY_S = 0.5
_FRESH = timedelta(seconds=5)  # what is read later may be read again, also by a database that has lost its row
_AUDIT_EVERY_S = 60.0
_AUDITED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """max_body_bytes: of one request's input."""

    ingress: Ingress
    completing: Completing
    background: BackgroundInferences
    store: UpstreamStore
    reply_keys: ReplyKeyStore
    tenants: TenantStore
    publisher: Publisher
    max_body_bytes: int


class _Taken(NamedTuple):
    """A request that may be published, and the record that it came in."""

    record: ConsumerRecord
    line: Line
    order: Order
    new: New


@dataclass(slots=True)
class _Batch:
    """What is known while records are in hand. rooms: by tenant, how many more inferences it may have open."""

    known: dict[UUID, Known]
    rooms: dict[str, int] = field(default_factory=dict)
    taken: dict[UUID, _Taken] = field(default_factory=dict)


class Taking:
    """Of one topic. wake: called when there is a refusal to be told."""

    def __init__(self, parts: Parts, topic: str, wake: Callable[[], None]) -> None:
        self.parts = parts
        self._wake = wake
        self._topic = topic
        self._owner = parts.ingress.owners.get(topic)
        self.held_because: str | None = None  # while requests wait for what only time brings
        self._audited: Memory[str, float] = Memory(_AUDITED)

    async def keep(self, heard: Sequence[Heard[Submission]]) -> None:
        """Returns when all is published, told or set aside. Whatever a record holds, it holds up none behind it."""
        try:
            await self._keep(heard)
        except Exception as error:
            if len(heard) > 1 or meaning(error) not in {"bad", "unforeseen"}:
                raise
            logger.exception("ingress.failed", topic=self._topic, offset=heard[0].record.offset)
            await self._set_aside(heard[0].record, "internal", f"it could not be taken: {type(error).__name__}")
        finally:
            self.held_because = None

    async def _keep(self, heard: Sequence[Heard[Submission]]) -> None:
        lines = [line.whence for message in heard for line in message.event.lines]
        ids = list({each for whence in lines for each in (whence.inference_id, whence.reply_id)})
        batch = _Batch(await self.parts.store.known(ids) if ids else {})
        for record, submission in heard:
            if submission.unreadable:
                await self._set_aside(record, "invalid_request", submission.unreadable)
            wrong = [
                refused
                for line in submission.lines
                if (refused := await self._line(batch, record, submission, line)) is not None
            ]
            if wrong:
                await self._set_aside(record, wrong[0].error_type, "; ".join(each.detail for each in wrong[:3]))
        await self._publish(batch)

    async def _line(self, batch: _Batch, record: ConsumerRecord, submission: Submission, line: Line) -> Failure | None:
        """What is wrong with the request itself, when it is not taken for that."""
        whence, request = line.whence, line.request
        refused_before = batch.known.get(whence.reply_id)
        if refused_before is not None and refused_before.sha256 is None:
            return None
        tenant_id = self.parts.ingress.tenant_of(self._topic, whence.tenant_id)
        if tenant_id is None and whence.tenant_id is not None:
            await self._audit(record, whence.tenant_id)
            return await self._refuse(submission, line, self._forged(whence.tenant_id))
        if tenant_id is None or request is None:
            return await self._refuse(submission, line, _invalid(line.wrong or "tenant_id: it is missing"))
        try:
            taken = await self._when_known(record, submission, line, request, tenant_id)
            if _is_there(batch, taken):
                return None
        except TallygateError as error:
            return await self._refuse(submission, line, error.failure)
        limited = await self._let_in(batch, taken)
        if limited is not None:
            caller, said = self._caller(tenant_id), Labels(request.session, request.tags)
            self.parts.completing.rejections.rejected(caller, limited, said, whence.inference_id)
            await self._refuse(submission, line, limited)
            return None
        batch.taken[whence.inference_id] = taken
        return None

    # Is it one that we take?

    async def _when_known(
        self, record: ConsumerRecord, submission: Submission, line: Line, request: UpstreamRequest, tenant_id: str
    ) -> _Taken:
        """As `_admitted`; waits while what it depends on, as the registry of models, cannot be read."""
        while True:
            try:
                return await self._admitted(record, submission, line, request, tenant_id)
            except TallygateError as error:
                if error.failure.error_type != "unavailable":
                    raise
                self.held_because = error.failure.detail
                await asyncio.sleep(_HELD_S)

    async def _admitted(
        self, record: ConsumerRecord, submission: Submission, line: Line, request: UpstreamRequest, tenant_id: str
    ) -> _Taken:
        """Raises TallygateError."""
        parts, now = self.parts, utc_now()
        if request.reply_topic is not None and not parts.ingress.may_reply_to(request.reply_topic):
            raise InvalidBodyError(
                f"reply_topic: its name must begin with {parts.ingress.reply_prefix!r}, and be no dead-letter topic"
            )
        operation, body = operation_of(request), body_of(request)
        if len(body) > parts.max_body_bytes:
            detail = f"the input has {len(body)} bytes, of {parts.max_body_bytes} at most"
            raise TallygateError("payload_too_large", detail)
        in_body = admit(operation, body, {}, now, parts.background.deadlines)
        admitted = asked_by_kafka(in_body, request, record, now, parts.background.deadlines)
        caller, said = self._caller(tenant_id), Labels(request.session, request.tags)
        order = await parts.completing.order(caller, admitted, said, submission.trace_context, "normal")
        new = New(
            inference_id=line.whence.inference_id,
            tenant_id=tenant_id,
            operation=operation,
            accepted_at=order.accepted_at,
            deadline_at=order.deadline_at,
            kept_s=self._kept_s(tenant_id),
            sha256=digest_of(request),
            reply_topic=request.reply_topic,
            reply_key_id=request.reply_key_id,
            public_key=await self._public_key(tenant_id, request),
            trace_context=submission.trace_context,
        )
        return _Taken(record, line, order, new)

    async def _public_key(self, tenant_id: str, request: UpstreamRequest) -> bytes | None:
        if request.reply_key_id is None or request.reply_topic is None:
            return None
        key = await self.parts.reply_keys.key(tenant_id, request.reply_key_id)
        if key is None:
            tips = ("Register it: tallygate reply-keys add",)
            raise TallygateError("invalid_request", f"reply_key_id: {request.reply_key_id!r} is not known", tips=tips)
        return key

    def _kept_s(self, tenant_id: str) -> float:
        own = self.parts.completing.registry.of(tenant_id).terms.result_retention_s
        return self.parts.background.retained.results_s if own is None else own

    def _caller(self, tenant_id: str) -> Caller:
        return Caller(tenant_id, f"kafka:{self._topic}", frozenset({"inference"}))

    def _forged(self, claimed: str) -> Failure:
        detail = f"tenant_id: requests on {self._topic} are not {claimed!r}'s"
        tips = ("An operator says whose they are: TALLYGATE_INGRESS_TOPICS",)
        return failure("permission_denied", detail, title="This topic is another tenant's", tips=tips)

    # May it be taken now?

    async def _let_in(self, batch: _Batch, taken: _Taken) -> Failure | None:
        """Waits while only time helps, where nobody else's requests wait behind it; Kafka keeps them meanwhile. What
        has passed its deadline needs no place: a router settles it as expired."""
        if (used_up := self.parts.completing.over_budget(self._caller(taken.new.tenant_id))) is not None:
            return used_up
        while taken.order.deadline_at > utc_now():
            refusal = await self._limit(batch, taken.new.tenant_id)
            if refusal is None:
                break
            if refusal.error_type != "unavailable" and self._owner == ANY_TENANT:
                return refusal
            self.held_because = refusal.detail
            await self._publish(batch)  # what is taken already does not wait
            batch.rooms.clear()
            await asyncio.sleep(min(refusal.retry_after_s or _HELD_S, _HELD_S))
        self.held_because = None
        return None

    async def _limit(self, batch: _Batch, tenant_id: str) -> Failure | None:
        parts, most = self.parts, self.parts.background.store.most_open
        if tenant_id not in batch.rooms:
            open_now = await parts.store.open_of(tenant_id, utc_now(), most)
            waiting = sum(taken.new.tenant_id == tenant_id for taken in batch.taken.values())
            batch.rooms[tenant_id] = most - open_now - waiting
        if batch.rooms[tenant_id] <= 0:
            detail = f"your tenant has {most} open background inferences, and that is the limit"
            tips = ("Wait until some have ended.", "An operator can raise TALLYGATE_MAX_BACKGROUND_PER_TENANT.")
            return failure("too_many_requests", detail, retry_after_s=10.0, tips=tips)
        caller = self._caller(tenant_id)
        if (refusal := parts.completing.refusal_now(caller)) is not None:
            return refusal
        parts.completing.leave(caller)  # nobody waits for it here
        batch.rooms[tenant_id] -= 1
        return None

    # On record, and on its way

    async def _publish(self, batch: _Batch) -> None:
        """All that is taken. What cannot be published is told."""
        if not batch.taken:
            return
        taken, batch.taken = list(batch.taken.values()), {}
        now = utc_now()
        news = [each.new for each in taken if each.new.inference_id not in batch.known]
        added = await self.parts.store.add(news, now) if news else set()
        batch.known |= {each.inference_id: Known(each.tenant_id, each.sha256, False) for each in news
                        if each.inference_id in added}  # fmt: skip
        if others := [each.inference_id for each in news if each.inference_id not in added]:
            batch.known |= await self.parts.store.known(others)  # a gateway that had this partition before added it
        await asyncio.gather(*(self._publish_one(each, added, batch.known, now) for each in taken))

    async def _publish_one(self, taken: _Taken, added: set[UUID], known: dict[UUID, Known], now: datetime) -> None:
        inference_id = taken.new.inference_id
        if inference_id not in known:
            detail = f"there is no tenant {taken.new.tenant_id!r} here, or the inference_id is another inference's"
            refusal = failure("permission_denied", detail, title="It is not known whose request this is", tips=())
            await self._refuse(Submission(trace_context=taken.new.trace_context), taken.line, refusal)
            await self._set_aside(taken.record, refusal.error_type, detail)
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
                return

    # What is not taken

    async def _refuse(self, submission: Submission, line: Line, refusal: Failure) -> Failure:
        """To be told, where it may be: to a topic that its sender may name, for whoever the topic is."""
        whence, ingress = line.whence, self.parts.ingress
        tenant_id = whence.tenant_id if self._owner == ANY_TENANT else self._owner
        if whence.reply_topic is None or tenant_id is None or not ingress.may_reply_to(whence.reply_topic):
            return refusal
        told = UpstreamReplyFailed(
            event_id=whence.reply_id, inference_id=whence.inference_id, tenant_id=tenant_id, settlement="rejected",
            error=refusal,
        )  # fmt: skip
        row = Refused(
            whence.reply_id, whence.inference_id, tenant_id, whence.reply_topic, submission.trace_context,
            told.encoded(),
        )  # fmt: skip
        await self.parts.store.refuse([row], utc_now())
        self._wake()
        return refusal

    async def _set_aside(self, record: ConsumerRecord, error_type: str, why: str) -> None:
        await dead_letter(self.parts.publisher, record, error_type, why, limited=False)

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


def _is_there(batch: _Batch, taken: _Taken) -> bool:
    """Whether its answer is there, or it is on its way in this batch. Raises TallygateError when it is another one."""
    inference_id, asked = taken.new.inference_id, (taken.new.tenant_id, taken.new.sha256)
    if (before := batch.taken.get(inference_id)) is not None:
        same, ended = asked == (before.new.tenant_id, before.new.sha256), True
    elif (known := batch.known.get(inference_id)) is not None:
        same, ended = asked == (known.tenant_id, known.sha256), known.ended
    else:
        return False
    if not same:
        raise InvalidBodyError("inference_id: it was published before with another request", "inference_id")
    if not ended:
        batch.taken[inference_id] = taken  # it may not have been published: it needs no place once more
    return True


def _invalid(detail: str) -> Failure:
    return failure("invalid_request", detail)
