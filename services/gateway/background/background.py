"""Background inferences: begun, found again by their id at any gateway, and followed.

They travel as every inference does. What is added: a row that says how the answer is told, written before the request
is published; and the result, which is stored when it comes, by whichever gateway hears it (decision 0041).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from services.gateway.background.asking import BackgroundOperation, form_of
from services.gateway.background.following import AwaitedResult
from services.gateway.background.held import HeldStreams
from services.gateway.background.store import Accepted, BackgroundStore, Kept
from services.gateway.background.telling import StoredForm, whole
from services.gateway.inference.admission import Admitted, Deadlines
from services.gateway.inference.completing import Begun, Completing, Sent, Streamed
from shared.access import Caller
from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_sealed, seal
from shared.errors import TallygateError
from shared.events import ReplyFailed, RoutingOptions
from shared.events.inference import Settlement
from shared.inferences import Answer, AnyReply, InferenceFailedError, Inferences, Order, reply_of
from shared.wire.reading.chunk_log import UnreadableLogError

_LOOK_AGAIN_S = 0.1
_REQUEST = "background_request"  # the kind under which a request is sealed


class Retained(NamedTuple):
    """Seconds for which results are kept whose tenant has no term of its own. responses_s: of responses."""

    results_s: float
    responses_s: float


class Outcome(NamedTuple):
    """How it ended. form, body: of the stored answer; model: that gave it, after so many attempts. failed: why there is
    none."""

    settlement: Settlement
    form: StoredForm = "completion"
    body: bytes = b""
    model: str = ""
    attempts: int = 0
    failed: InferenceFailedError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundInferences:
    completing: Completing
    inferences: Inferences
    store: BackgroundStore
    held: HeldStreams
    ring: KeyRing
    deadlines: Deadlines
    retained: Retained

    async def begin(
        self, caller: Caller, sent: Sent, operation: BackgroundOperation, admitted: Admitted, request: bytes = b""
    ) -> Begun:
        """request: what the answer is told with, if anything. Raises as `Completing.complete`."""
        beginning = _Beginning(self, operation, admitted.stream, request, self.kept_s(caller.tenant_id, operation))
        return await self.completing.begin(caller, sent, admitted, beginning)

    async def kept(self, tenant_id: str, inference_id: UUID) -> Kept | None:
        """None when the tenant has no such inference in the background, or has none any more."""
        return await self.store.kept(tenant_id, inference_id)

    async def until_stored(self, kept: Kept, within_s: float) -> Kept | None:
        """As `kept`, as soon as its result is stored, or when it is not in time."""
        found: Kept | None = kept
        until = asyncio.get_running_loop().time() + within_s
        while found is not None and not found.has_ended and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(_LOOK_AGAIN_S)
            found = await self.store.kept(kept.tenant_id, kept.inference_id)
        return found

    def outcome(self, kept: Kept) -> Outcome | None:
        """None while there is no result, and when it is kept no longer."""
        reply = None if kept.result is None else reply_of(kept.result)
        if reply is None:
            return None
        if isinstance(reply, ReplyFailed):
            return Outcome(reply.settlement, failed=_failed(self.inferences, reply))
        try:
            answer = self.inferences.answer(reply)
        except InferenceFailedError as unreadable:
            return Outcome("completed", failed=unreadable)
        return Outcome("completed", reply.form, answer.body, answer.model, answer.attempts)

    async def told(self, kept: Kept, outcome: Outcome) -> bytes:
        """An answer as JSON, of every operation but responses. Raises TallygateError."""
        if outcome.form == "completion":
            return whole(kept.operation, outcome.form, outcome.body)
        try:  # a stream may have very many chunks
            return await asyncio.to_thread(whole, kept.operation, outcome.form, outcome.body)
        except UnreadableLogError as error:
            detail = f"the chunks cannot be told as one answer: {error}"
            tips = (f"Read them one by one: GET /api/inferences/{kept.inference_id}/events",)
            raise TallygateError("bad_response", detail, tips=tips) from None

    def request_of(self, kept: Accepted) -> bytes:
        """What it was asked with. Raises TallygateError `key_unreadable`."""
        try:
            return open_sealed(self.ring, _context(kept.tenant_id, kept.inference_id), kept.sealed_request or "")
        except UnreadableSecretError as error:
            raise TallygateError("key_unreadable", f"the request cannot be opened: {error}") from None

    @asynccontextmanager
    async def following(self, kept: Accepted, *, chunks: bool) -> AsyncIterator[Streamed]:
        """The answer, as it comes or when it is stored. chunks: one by one, which only an answer to a chat has."""
        order = _order_of(kept)
        if chunks:
            with self.inferences.stream(order, kept.inference_id, stored=True) as stream:
                yield Streamed(kept.inference_id, stream, False, _nothing)
            return
        with self.inferences.expect_stored(kept.inference_id, kept.tenant_id) as future:
            answer = asyncio.create_task(self._answer(order, kept.inference_id, future), name="followed result")
            try:
                yield Streamed(kept.inference_id, AwaitedResult(answer), False, _nothing)
            finally:
                answer.cancel()

    async def _answer(self, order: Order, inference_id: UUID, future: "asyncio.Future[AnyReply]") -> Answer:
        return self.inferences.answer(await self.inferences.reply(order, inference_id, future))

    def sealed_request(self, tenant_id: str, inference_id: UUID, request: bytes) -> str | None:
        """What the answer is told with, as its row has it; None when that is nothing."""
        return seal(self.ring, _context(tenant_id, inference_id), request) if request else None

    def kept_s(self, tenant_id: str, operation: str) -> float:
        """For how many seconds its result is kept."""
        own = self.completing.registry.of(tenant_id).terms.result_retention_s
        if own is not None:
            return own
        return self.retained.responses_s if operation == "responses" else self.retained.results_s


class _Beginning:
    """The `Beginning` of one inference."""

    def __init__(
        self, background: BackgroundInferences, operation: str, streamed: bool, request: bytes, kept_s: float
    ) -> None:
        self._background = background
        self._operation = operation
        self._streamed = streamed
        self._request = request
        self._kept_s = kept_s

    async def keep(self, order: Order, inference_id: UUID) -> None:
        new = Accepted(
            inference_id=inference_id,
            tenant_id=order.tenant_id,
            operation=self._operation,
            streamed=self._streamed,
            sealed_request=self._background.sealed_request(order.tenant_id, inference_id, self._request),
            accepted_at=order.accepted_at,
            deadline_at=order.deadline_at,
        )
        await self._background.store.add(new, self._kept_s)

    def hold(self, order: Order, inference_id: UUID) -> bool:
        return self._background.held.hold(order, inference_id)

    async def drop(self, order: Order, inference_id: UUID) -> None:
        self._background.held.drop(inference_id)
        await self._background.store.delete(order.tenant_id, inference_id)


def _failed(inferences: Inferences, reply: ReplyFailed) -> InferenceFailedError:
    try:
        inferences.answer(reply)
    except InferenceFailedError as failed:
        return failed
    raise AssertionError("a failure is no answer")


def _order_of(kept: Accepted) -> Order:
    """As much of it as is needed to wait for its answer."""
    return Order(
        tenant_id=kept.tenant_id, body=b"", model=None, options=RoutingOptions(), accepted_at=kept.accepted_at,
        deadline_at=kept.deadline_at, api_key_id=None, form=form_of(kept.operation),
    )  # fmt: skip


def _context(tenant_id: str, inference_id: UUID) -> SealedContext:
    return SealedContext(tenant_id, _REQUEST, str(inference_id))


def _nothing() -> None: ...
