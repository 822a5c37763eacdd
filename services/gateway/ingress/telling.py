"""Answers are told on the reply topics of who asked: from rows, so at least once, whoever dies.

A result that is stored makes its row due; whichever gateway takes the row tells it. A topic that cannot be written to,
as it is missing or its ACLs forbid it, is left alone for a while, and delays other topics' replies by one try at most.
"""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

import orjson
import structlog

from services.gateway import instruments
from services.gateway.background.background import BackgroundInferences, Outcome
from services.gateway.background.responses import OPERATION, BackgroundResponses
from services.gateway.ingress.store import Due, UpstreamStore
from shared.background import Periodic
from shared.crypto.public_keys import reply_info, seal_for
from shared.db.failures import RETRYABLE
from shared.errors import Failure, TallygateError, failure
from shared.events import AttemptSummary, utc_now
from shared.events.ingress import Ingress
from shared.events.upstream import UpstreamReplyCompleted, UpstreamReplyFailed
from shared.kafka.failures import RETRYABLE as BROKER_RETRYABLE
from shared.kafka.failures import TOO_LARGE, described
from shared.kafka.publisher import Publisher

logger = structlog.get_logger(__name__)

_LOOK_EVERY_S = 5.0
_LEASE = timedelta(seconds=60)
_BATCH = 100
_FIRST_REST_S, _LONGEST_REST_S = 5.0, 600.0
_SEND_TIMEOUT_S = 5.0

Reply = UpstreamReplyCompleted | UpstreamReplyFailed


class _Wrong(NamedTuple):
    """Why a reply is not told. of_topic: others on its topic would fail as well."""

    why: str
    of_topic: bool = True


_TOO_LARGE = _Wrong("it is larger than the topic takes")


class Telling(Periodic):
    """publisher: of its own, so that topics of others never disturb what is published on ours."""

    def __init__(
        self, store: UpstreamStore, background: BackgroundInferences, responses: BackgroundResponses,
        publisher: Publisher, ingress: Ingress,
    ) -> None:  # fmt: skip
        super().__init__("replies to upstream services", self._tell_due, _LOOK_EVERY_S, RETRYABLE, retry_s=1.0)
        self._store = store
        self._background = background
        self._responses = responses
        self._publisher = publisher
        self._ingress = ingress

    async def stored(self, inference_ids: Sequence[UUID]) -> None:
        """Their results are stored: what is to be told of them is due."""
        if await self._store.due(inference_ids, utc_now()):
            self.wake()

    async def _tell_due(self) -> None:
        while due := await self._store.take(utc_now(), _LEASE, _BATCH):
            by_topic = groupby(sorted(due, key=lambda each: each.reply_topic), key=lambda each: each.reply_topic)
            await asyncio.gather(*(self._tell_on(topic, list(replies)) for topic, replies in by_topic))

    async def _tell_on(self, topic: str, replies: list[Due]) -> None:
        if not self._ingress.may_reply_to(topic):  # the prefix was changed since
            await self._store.told([each.reply_id for each in replies], utc_now())
            logger.warning("upstream_reply.dropped", topic=topic, replies=len(replies), reason="not under the prefix")
            return
        wrong = dict(zip(replies, await asyncio.gather(*(self._tell(topic, each) for each in replies)), strict=True))
        for each in [each for each, why in wrong.items() if why is _TOO_LARGE]:
            wrong[each] = await self._tell_alone(topic, each)
        if told := [each.reply_id for each, why in wrong.items() if why is None]:
            await self._store.told(told, utc_now())
            instruments.upstream_replies.labels("told").inc(len(told))
        for of_topic in (True, False):
            waiting = {each: why for each, why in wrong.items() if why is not None and why.of_topic is of_topic}
            if waiting:
                await self._put_off(topic, waiting, of_topic=of_topic)

    async def _put_off(self, topic: str, waiting: Mapping[Due, _Wrong], *, of_topic: bool) -> None:
        rest_s = min(_LONGEST_REST_S, _FIRST_REST_S * 2 ** min(10, max(each.failures for each in waiting)))
        reason = next(iter(waiting.values())).why
        logger.warning("upstream_reply.waiting", topic=topic, replies=len(waiting), reason=reason, for_s=rest_s)
        instruments.upstream_replies.labels("failed").inc(len(waiting))
        until = utc_now() + timedelta(seconds=rest_s)
        await self._store.put_off([each.reply_id for each in waiting], topic if of_topic else None, until)

    async def _tell(self, topic: str, due: Due) -> _Wrong | None:
        """Why it is not told, when it is to be tried again. Raises what is wrong with the database."""
        try:
            reply = await self._reply(due)
        except RETRYABLE:
            raise
        except Exception as error:
            logger.exception("upstream_reply.failed", inference_id=str(due.inference_id))
            return _Wrong(type(error).__name__, of_topic=False)
        try:
            if reply is not None:
                await self._send(topic, due, reply)
        except TOO_LARGE:
            return _TOO_LARGE
        except BROKER_RETRYABLE as error:
            return _Wrong(described(error))
        return None

    async def _tell_alone(self, topic: str, due: Due) -> _Wrong | None:
        """Not in a batch with others: it may be that which was too large."""
        why = await self._tell(topic, due)
        if why is not _TOO_LARGE:
            return why
        try:
            await self._send(topic, due, _failed(due, _too_large(topic)))
        except BROKER_RETRYABLE as error:
            return _Wrong(described(error))
        return None

    async def _send(self, topic: str, due: Due, reply: Reply) -> None:
        async with asyncio.timeout(_SEND_TIMEOUT_S):
            await self._publisher.send_raw(
                topic, reply.encoded(), reply.key, reply.headers(self._publisher.source, due.trace_context)
            )

    async def _reply(self, due: Due) -> Reply | None:
        """None when it is kept no longer."""
        if due.refusal is not None:
            return UpstreamReplyFailed.decoded(due.refusal)
        kept = await self._background.kept(due.tenant_id, due.inference_id)
        outcome = None if kept is None else self._background.outcome(kept)
        if kept is None or outcome is None:
            logger.warning("upstream_reply.gone", inference_id=str(due.inference_id))
            return None
        if outcome.failed is not None:
            failed = outcome.failed
            return UpstreamReplyFailed(
                event_id=due.reply_id, inference_id=due.inference_id, tenant_id=due.tenant_id,
                settlement=failed.settlement, error=failed.failure,
                failed_attempts=tuple(map(AttemptSummary.model_validate, failed.failed_attempts)),
                attempts=failed.attempts,
            )  # fmt: skip
        try:
            if kept.operation == OPERATION:
                body = orjson.dumps(await self._responses.ended(kept, outcome))
            else:
                body = await self._background.told(kept, outcome)
        except TallygateError as error:
            return _failed(due, error.failure)
        return _completed(due, outcome, body)


def _completed(due: Due, outcome: Outcome, body: bytes) -> UpstreamReplyCompleted:
    sealed = None
    if due.public_key is not None:
        info = reply_info(due.tenant_id, str(due.inference_id))
        sealed = base64.b64encode(seal_for(due.public_key, info, body)).decode()
    return UpstreamReplyCompleted(
        event_id=due.reply_id,
        inference_id=due.inference_id,
        tenant_id=due.tenant_id,
        body=orjson.loads(body) if sealed is None else None,
        sealed_body=sealed,
        reply_key_id=due.reply_key_id,
        model_served=outcome.model,
        attempts=outcome.attempts,
    )


def _failed(due: Due, told: Failure) -> UpstreamReplyFailed:
    return UpstreamReplyFailed(
        event_id=due.reply_id, inference_id=due.inference_id, tenant_id=due.tenant_id, settlement="failed", error=told
    )


def _too_large(topic: str) -> Failure:
    tips = (
        f"Raise max.message.bytes of {topic} (up to 5 MiB are sent).",
        "It is stored, and can be fetched: GET /api/inferences/{id}",
    )
    return failure("payload_too_large", f"the answer is larger than {topic} takes", tips=tips)
