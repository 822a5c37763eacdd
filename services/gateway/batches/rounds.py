"""One round of a batch, for the worker that feeds it: begin lines, and tell those whose results are stored.

A line travels as every background inference does, under an id that the worker has put on record before. Nothing of a
round is kept here: whichever gateway is asked answers, and the same line may be begun again (decision 0043).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import orjson
import structlog

from services.gateway import instruments
from services.gateway.background.responses import BackgroundResponses
from services.gateway.batches.lines import (
    admit_line,
    headers_of_lines,
    not_streamed,
    written_answer,
    written_failure,
    written_lost,
)
from services.gateway.batches.lost import LostResults
from services.gateway.batches.store import BatchStore, EndedRow, LineRow
from services.gateway.bodies import InvalidBodyError, parsed
from services.gateway.inference.admission import Admitted, Deadlines
from services.gateway.inference.completing import Completing, Sent
from services.gateway.inference.text_completions import told
from services.gateway.responses.keeping import Responses
from services.gateway.responses.schemas import ResponseBody
from shared.access import Caller
from shared.access.store import KeyReader
from shared.batches.rounds import EndedLine, NewLine, Round, Told
from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_sealed
from shared.db.failures import RETRYABLE, described
from shared.errors import TallygateError
from shared.events import utc_now
from shared.inferences import Answer, InferenceFailedError, Inferences, NotAcknowledgedError, reply_of
from shared.wire.reading.streams import BrokenStreamError

logger = structlog.get_logger(__name__)

_MOST_BYTES = 8 * 1024 * 1024  # of results that are told at a time
_LATER_S = 1.0
_REQUEST = "batch_line"  # the kind under which a line of responses is sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRounds:
    """most_body_bytes: of one line. queue_age_s: how long requests wait for a router."""

    completing: Completing
    inferences: Inferences
    responses: Responses
    background_responses: BackgroundResponses
    store: BatchStore
    lost: LostResults
    keys: KeyReader
    ring: KeyRing
    deadlines: Deadlines
    most_body_bytes: int
    queue_age_s: Callable[[], float | None]

    async def told(self, tenant_id: str, batch_id: UUID, asked: Round, traceparent: str | None) -> Told:
        begun = await self._begin(tenant_id, asked, traceparent) if asked.lines else Told()
        ended = await self._ended(tenant_id, batch_id, asked) if asked.in_flight else []
        return begun.model_copy(update={"ended": [*begun.ended, *ended], "queue_age_s": self.queue_age_s()})

    # Begin

    async def _begin(self, tenant_id: str, asked: Round, traceparent: str | None) -> Told:
        caller = await self.keys.caller_of_id(asked.key_id)
        if (stop := _why_stop(caller, tenant_id, asked.key_id)) is not None or caller is None:
            return Told(stop=stop)
        sent = Sent(headers_of_lines(asked.session), asked.endpoint, b"", traceparent)
        beginnings: list[asyncio.Task[EndedLine | bool]] = []
        later: TallygateError | None = None
        lines = list(asked.lines)
        async with asyncio.TaskGroup() as group:
            for line in lines:
                if (later := self._why_later(caller)) is not None:
                    break
                beginnings.append(group.create_task(self._begin_line(caller, sent, asked, line)))
        verdicts = list(zip(lines, (task.result() for task in beginnings), strict=False))
        wait_s = 0.0 if later is None else later.failure.retry_after_s or _LATER_S
        begun = [line.line for line, verdict in verdicts if verdict is True]
        instruments.batch_lines.inc(len(begun))
        return Told(
            begun=begun,
            unsure=[line.line for line, verdict in verdicts if verdict is False],
            ended=[verdict for _, verdict in verdicts if isinstance(verdict, EndedLine)],
            later=None if later is None else later.failure.detail,
            later_s=wait_s,
        )

    def _why_later(self, caller: Caller) -> TallygateError | None:
        """A line is let in as every request, and leaves at once, as one in the background does."""
        if (spent := self.completing.over_budget(caller)) is not None:
            return TallygateError.of(spent)
        try:
            self.completing.enter(caller)
        except TallygateError as refused:
            return refused
        self.completing.leave(caller)
        return None

    async def _begin_line(self, caller: Caller, sent: Sent, asked: Round, line: NewLine) -> EndedLine | bool:
        """True: it was acked. False: it may be on the topic or not. Otherwise it was refused for good."""
        try:
            admitted = await self._admitted(caller.tenant_id, asked, line)
            await self.completing.publish_stored(caller, sent, admitted, line.inference_id, republished=line.again)
        except NotAcknowledgedError as unsure:
            if unsure.failure.error_type == "unavailable":
                return False
            return _refused(asked, line, unsure)
        except TallygateError as refused:
            return _refused(asked, line, refused)
        except RETRYABLE as error:  # of the database, of which a model or an earlier response is read
            logger.warning("batch_line.not_begun", reason=described(error), tenant=caller.tenant_id)
            return False
        return True

    async def _admitted(self, tenant_id: str, asked: Round, line: NewLine) -> Admitted:
        """Raises TallygateError."""
        body = line.body.encode()
        if len(body) > self.most_body_bytes:
            raise TallygateError("payload_too_large", f"the body is larger than {self.most_body_bytes} bytes")
        if asked.endpoint != "/v1/responses":
            return admit_line(asked.endpoint, body, asked.session, utc_now(), self.deadlines)
        response = _response(body)
        admitted = await self.background_responses.admitted(tenant_id, response, headers_of_lines(asked.session))
        return not_streamed(admitted)

    # Tell

    async def _ended(self, tenant_id: str, batch_id: UUID, asked: Round) -> list[EndedLine]:
        rows = await self.store.ended(tenant_id, batch_id, _MOST_BYTES)
        if rows:
            return [await self._ended_line(tenant_id, asked, row) for row in rows]
        return [_lost(row) for row in await self.lost.of(tenant_id, batch_id)]

    async def _ended_line(self, tenant_id: str, asked: Round, row: EndedRow) -> EndedLine:
        reply = reply_of(row.result)
        if reply is None:
            return _lost(row)
        try:
            answer = self.inferences.answer(reply)
            body = await self._body(tenant_id, asked, row, answer)
        except InferenceFailedError as failed:
            written = written_failure(
                asked.endpoint, row.custom_id, row.inference_id, failed.failure, failed.failed_attempts
            )
        except TallygateError as untold:
            written = written_failure(asked.endpoint, row.custom_id, row.inference_id, untold.failure)
        else:
            return EndedLine(
                line=row.line, is_error=False, written=written_answer(row.custom_id, row.inference_id, body)
            )
        return EndedLine(line=row.line, is_error=True, written=written)

    async def _body(self, tenant_id: str, asked: Round, row: EndedRow, answer: Answer) -> bytes:
        """The answer as the endpoint tells it. Raises TallygateError."""
        match asked.endpoint:
            case "/v1/completions":
                return told(answer.body)
            case "/v1/responses":
                return await self._told_response(tenant_id, row, answer)
            case _:
                return answer.body

    async def _told_response(self, tenant_id: str, row: EndedRow, answer: Answer) -> bytes:
        context = SealedContext(tenant_id, _REQUEST, str(row.inference_id))
        try:
            response = _response(open_sealed(self.ring, context, row.sealed_request or ""))
        except UnreadableSecretError as error:
            raise TallygateError("key_unreadable", f"the request cannot be opened: {error}") from None
        created_at = int(utc_now().timestamp())
        telling = self.background_responses.telling(tenant_id, response, row.inference_id, created_at)
        try:
            telling.add_whole(answer.body)
        except BrokenStreamError as error:
            raise TallygateError("bad_response", f"the answer cannot be told as a response: {error}") from None
        if response.is_kept:
            await self.responses.keep(tenant_id, response, row.inference_id, telling)
        return orjson.dumps(telling.whole)


def _response(body: bytes) -> ResponseBody:
    """In a batch all is in the background; it is told as if it was asked for at once. Raises InvalidBodyError."""
    return parsed(ResponseBody, body).model_copy(update={"background": None})


def _why_stop(caller: Caller | None, tenant_id: str, key_id: str) -> str | None:
    if caller is None:
        return f"the API key {key_id}, which made the batch, was revoked"
    if caller.tenant_id != tenant_id:
        return f"the API key {key_id} belongs to another tenant"
    try:
        caller.require("inference")
    except TallygateError as refused:
        return refused.failure.detail
    return None


def _lost(row: LineRow | EndedRow) -> EndedLine:
    return EndedLine(line=row.line, is_error=True, written=written_lost(row.custom_id, row.inference_id))


def _refused(asked: Round, line: NewLine, refused: TallygateError) -> EndedLine:
    param = refused.param if isinstance(refused, InvalidBodyError) else None
    written = written_failure(asked.endpoint, line.custom_id, line.inference_id, refused.failure, param=param)
    return EndedLine(line=line.line, is_error=True, written=written)
