"""A completion from the request to the answer: let in, check the model, publish, await the reply.

Every completion that is asked for over HTTP takes this way: chat, codebase chat, tests and setups of models.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol
from uuid import UUID

import orjson

from services.gateway.headers import SESSION_HEADER, Allowances
from services.gateway.inference.admission import (
    Admitted,
    Deadlines,
    admit_as_chat,
    admit_chat,
    admit_counting,
    admit_messages,
    known_model,
)
from services.gateway.inference.doorkeeper import Doorkeeper
from services.gateway.inference.idempotency import IdempotencyKey, idempotency_key
from services.gateway.inference.labels import Labels, known_labels, labels
from services.gateway.inference.once import Claim, Once
from services.gateway.inference.rejections import Rejections
from services.gateway.inference.text_completions import admit_text
from shared.access import Caller
from shared.errors import Failure, TallygateError
from shared.events import RoutingOptions, new_id, utc_now
from shared.inferences import (
    Answer,
    AnyReply,
    InferenceFailedError,
    Inferences,
    NotAcknowledgedError,
    Order,
)
from shared.operations import Operation
from shared.priorities import Priority, capped
from shared.registry import Model, Registry, TenantModels, Terms
from shared.selection import Conditions, needs_of, select
from shared.selection.budgets import has_token_budget, over_budget, tokens_left
from shared.selection.session_caps import over_cap

_PLAIN = RoutingOptions()

Left = Callable[[], Awaitable[None]]
IdName = Literal["inference_id", "feature_id"]


class CallerLeftError(Exception):
    """The caller is gone, and its inference is cancelled, as its request had asked for."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What an HTTP request contributes, as values.

    headers: looked up by lower-case names. route: the path; an Idempotency-Key belongs to one route. body: as it was
    sent; with the same Idempotency-Key, the same body gets the same answer. left: returns when the caller is gone; None
    when the inference is to go on without it. named: called with the id under which something may be published for the
    request: whatever goes wrong from then on, the caller is told the id. traceparent: the context, as it is carried.
    """

    headers: Mapping[str, str]
    route: str
    body: bytes
    traceparent: str | None
    left: Left | None = None
    named: Callable[[IdName, UUID], None] = lambda _, __: None


class Coming(Protocol):
    """As an AnswerStream comes."""

    answer: Answer | None

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def __anext__(self) -> bytes: ...

    def wake(self) -> None: ...

    def cut_off(self, error: Exception) -> None: ...


class Streamed(NamedTuple):
    """An answer as it comes. replayed: an earlier request asked for it. unread: to be called when the caller does not
    read it: nobody else waits for it, so it is cancelled."""

    inference_id: UUID
    chunks: Coming
    replayed: bool
    unread: Callable[[], None]


class Begun(NamedTuple):
    """accepted_at, deadline_at: of this request; a replayed one has those of the first."""

    inference_id: UUID
    accepted_at: datetime
    deadline_at: datetime
    replayed: bool


class Beginning(Protocol):
    """What is to be done for an inference that nobody here waits for, before it is published."""

    async def keep(self, order: Order, inference_id: UUID) -> None:
        """Once it is published it can be asked for."""

    def hold(self, order: Order, inference_id: UUID) -> bool:
        """Whether its chunks are taken here, as they come."""

    async def drop(self, order: Order, inference_id: UUID) -> None:
        """It may not be published, and is cancelled."""


def _nothing() -> None: ...


def _no_copy(_order: Order, _inference_id: UUID) -> None: ...


def _of_caller(options: RoutingOptions, caller: Caller) -> RoutingOptions:
    if caller.allowed_models == options.allowed_models:
        return options
    return options.model_copy(update={"allowed_models": caller.allowed_models})


@dataclass(frozen=True, slots=True, kw_only=True)
class Completing:
    """copy: called with what is published, for a model that is tried beside the others; it never waits."""

    deadlines: Deadlines
    registry: Registry
    conditions: Conditions
    doorkeeper: Doorkeeper
    rejections: Rejections
    inferences: Inferences
    once: Once
    copy: Callable[[Order, UUID], None] = _no_copy

    async def chat(self, caller: Caller, sent: Sent) -> Answer:
        """The answer to an OpenAI chat body, as `complete`. Raises InvalidBodyError too."""
        return await self.complete(caller, sent, self.admit(sent))

    def admit(self, sent: Sent) -> Admitted:
        """Raises InvalidBodyError when the body is not a valid chat body."""
        return admit_chat(sent.body, sent.headers, utc_now(), self.deadlines)

    def admit_as_chat(self, sent: Sent, fields: dict[str, Any]) -> Admitted:
        """Of a chat that says what was asked in another form. Raises InvalidBodyError."""
        return admit_as_chat(fields, sent.headers, utc_now(), self.deadlines)

    def admit_text(self, sent: Sent) -> Admitted:
        """Raises InvalidBodyError when the body is not one of the old text completions."""
        return admit_text(sent.body, sent.headers, utc_now(), self.deadlines)

    def admit_messages(self, sent: Sent) -> Admitted:
        """Raises InvalidBodyError when the body is not one of Anthropic's messages."""
        return admit_messages(sent.body, sent.headers, utc_now(), self.deadlines)

    def admit_counting(self, sent: Sent) -> Admitted:
        """As `admit_messages`, of a request whose tokens are to be counted."""
        return admit_counting(sent.body, sent.headers, utc_now(), self.deadlines)

    async def first_candidate(self, caller: Caller, admitted: Admitted) -> tuple[Model, int]:
        """The model that would be called first, and an estimate of the request's tokens, which hinder none. Calls none.
        Raises TallygateError when there is no model."""
        models = await self._models(caller, admitted)
        options = _of_caller(admitted.options, caller)
        needs = needs_of(admitted.model, orjson.loads(admitted.body), options, form=admitted.form)
        light = replace(needs, prompt_tokens=0, answer_tokens=0)
        selection = select(light, models, self.conditions.health(caller.tenant_id))
        if not selection.candidates:
            raise TallygateError.of(selection.why_none(light))
        return selection.candidates[0].model, needs.prompt_tokens

    def admit_made(
        self, body: bytes, model: str | None, options: RoutingOptions = _PLAIN, operation: Operation = "chat"
    ) -> Admitted:
        """For a body in OpenAI's form that the gateway made itself."""
        now = utc_now()
        deadline_at = now + timedelta(seconds=self.deadlines.default_s)
        return Admitted(body, model, now, deadline_at, options, operation=operation)

    async def complete(self, caller: Caller, sent: Sent, admitted: Admitted) -> Answer:
        """The answer to a caller that has been let in. The model is checked before anything is published.

        Raises InferenceFailedError for an inference that has an id, NotAcknowledgedError for one that may have been
        accepted; CallerLeftError; TallygateError, InvalidBodyError for a header.
        """
        key = idempotency_key(sent.headers, caller.tenant_id, sent.route, sent.body)
        order = await self._order(caller, sent, admitted)
        return await (self._answer_new(order, sent) if key is None else self._answer_of(key, order, sent))

    # Whether a tenant may send anything. This is asked before a body is read: who is refused costs no more than a head.

    @contextmanager
    def let_in(self, caller: Caller, headers: Mapping[str, str]) -> Iterator[None]:
        """Raises as `take_place`."""
        self.take_place(caller, headers)
        try:
            yield
        finally:
            self.leave(caller)

    def take_place(self, caller: Caller, headers: Mapping[str, str]) -> None:
        """`leave` must follow. Raises InferenceFailedError when the tenant may not send anything now; the rejection is
        on record, with what the caller says of it in the headers."""
        refusal = self.over_budget(caller) or self.over_cap(caller, headers) or self.refusal_now(caller)
        if refusal is not None:
            raise self.rejections.rejected(caller, refusal, known_labels(headers))

    def enter(self, caller: Caller) -> None:
        """For what is no inference; `leave` must follow. Raises TallygateError as `let_in`, and spends no budget."""
        if (refusal := self.refusal_now(caller)) is not None:
            raise TallygateError.of(refusal)

    def leave(self, caller: Caller) -> None:
        self.doorkeeper.leave(caller.tenant_id)

    def over_budget(self, caller: Caller) -> Failure | None:
        return over_budget(self._terms(caller), self.conditions.spent(caller.tenant_id), utc_now())

    def over_cap(self, caller: Caller, headers: Mapping[str, str]) -> Failure | None:
        """Why the session that the headers name may use nothing more."""
        session = headers.get(SESSION_HEADER)
        return over_cap(self.conditions.session(caller.tenant_id, session)) if session else None

    def allowances(self, caller: Caller) -> Allowances:
        """What the caller's tenant may still send now."""
        terms, tokens = self._terms(caller), None
        if has_token_budget(terms):  # most have none, and every answer asks
            tokens = tokens_left(terms, self.conditions.spent(caller.tenant_id), utc_now())
        return Allowances(self.doorkeeper.requests_left(caller.tenant_id, terms), tokens)

    def refusal_now(self, caller: Caller) -> Failure | None:
        """Why the tenant may not send anything now. None: it may, and `leave` must follow."""
        return self.doorkeeper.enter(caller.tenant_id, self._terms(caller))

    def _terms(self, caller: Caller) -> Terms:
        return self.registry.of(caller.tenant_id).terms

    # Publish and await

    async def _order(
        self, caller: Caller, sent: Sent, admitted: Admitted, unless_asked: Priority = "interactive"
    ) -> Order:
        return await self.order(caller, admitted, labels(sent.headers), sent.traceparent, unless_asked)

    async def order(
        self, caller: Caller, admitted: Admitted, said: Labels, traceparent: str | None, unless_asked: Priority
    ) -> Order:
        """unless_asked: its priority when the request names none. Raises TallygateError when no model can serve it."""
        models = await self._models(caller, admitted)
        return Order(
            tenant_id=caller.tenant_id,
            body=admitted.body,
            model=admitted.model,
            options=_of_caller(admitted.options, caller),
            accepted_at=admitted.accepted_at,
            deadline_at=admitted.deadline_at,
            api_key_id=caller.key_id,
            registry_version=models.version,
            traceparent=traceparent,
            operation=admitted.operation,
            form=admitted.form,
            passed_headers=admitted.passed_headers,
            session=said.session,
            tags=said.tags,
            priority=capped(admitted.priority or unless_asked, caller.max_priority),
        )

    async def _models(self, caller: Caller, admitted: Admitted) -> TenantModels:
        """The tenant's models, one of which can serve the request. Raises TallygateError when none can."""
        models = self.registry.current(caller.tenant_id)
        try:
            known_model(models, admitted.model, caller.allowed_models, admitted.options)
        except TallygateError:
            # Another gateway may have registered the model a moment ago, and its notification may still be on the way.
            models = await self.registry.refresh(caller.tenant_id)
            known_model(models, admitted.model, caller.allowed_models, admitted.options)
        return models

    @asynccontextmanager
    async def stream(self, caller: Caller, sent: Sent, admitted: Admitted) -> AsyncIterator["Streamed"]:
        """As `complete`, chunk by chunk, for a body that says `"stream": true`. Its chunks raise InferenceFailedError
        where the answer breaks off. Who raises CallerLeftError within it cancels the inference, if it was asked to."""
        key = idempotency_key(sent.headers, caller.tenant_id, sent.route, sent.body)
        order = await self._order(caller, sent, admitted)
        claim = None if key is None else await self.once.claim(key)
        inference_id = new_id() if claim is None else claim.id
        sent.named("inference_id", inference_id)

        def withdraw() -> None:
            self.inferences.withdraw(order, inference_id)

        with self.inferences.stream(order, inference_id, stored=claim is not None) as chunks:
            if claim is None:
                await self._publish_or_withdraw(order, inference_id)
            else:
                await self._publish_once(claim, order, chunks.begun)
            replayed = claim is not None and not claim.first
            try:
                # Who asks again with the key still gets the answer, whatever becomes of this caller.
                yield Streamed(inference_id, chunks, replayed, withdraw if claim is None else _nothing)
            except CallerLeftError:
                if sent.left is not None:
                    withdraw()
                raise
            except InferenceFailedError as error:
                error.replayed = replayed
                raise

    async def begin(self, caller: Caller, sent: Sent, admitted: Admitted, beginning: Beginning) -> Begun:
        """Returns when it is accepted: its result is stored, and told by its id. Raises as `complete`."""
        key = idempotency_key(sent.headers, caller.tenant_id, sent.route, sent.body)
        order = await self._order(caller, sent, admitted, unless_asked="normal")
        claim = None if key is None else await self.once.claim(key)
        inference_id = new_id() if claim is None else claim.id
        sent.named("inference_id", inference_id)
        replayed = claim is not None and not claim.first
        if claim is None or not claim.published:
            await beginning.keep(order, inference_id)
            awaited = admitted.stream and beginning.hold(order, inference_id)
            try:
                await self._publish_begun(claim, order, inference_id, awaited=awaited)
            except NotAcknowledgedError:
                await beginning.drop(order, inference_id)
                raise
        return Begun(inference_id, order.accepted_at, order.deadline_at, replayed)

    async def publish_stored(
        self, caller: Caller, sent: Sent, admitted: Admitted, inference_id: UUID, *, republished: bool
    ) -> None:
        """Under an id that is on record already, for a result that is stored. republished: it may have been published
        before. Raises TallygateError; NotAcknowledgedError when it may be on the topic all the same."""
        order = await self._order(caller, sent, admitted)
        await self.inferences.publish(order, inference_id, store_result=True, republished=republished, awaited=False)

    async def _publish_begun(self, claim: Claim | None, order: Order, inference_id: UUID, *, awaited: bool) -> None:
        async def publish(republished: bool) -> None:
            await self.inferences.publish(
                order, inference_id, store_result=True, republished=republished, awaited=awaited
            )
            self.copy(order, inference_id)

        if claim is not None:
            await self.once.publish(claim, publish, until=order.deadline_at)
            return
        try:
            await publish(False)
        except NotAcknowledgedError:
            self.inferences.withdraw(order, inference_id)
            raise

    async def _answer_new(self, order: Order, sent: Sent) -> Answer:
        inference_id = new_id()
        sent.named("inference_id", inference_id)
        with self.inferences.expect(inference_id, order.tenant_id) as future:
            await self._publish_or_withdraw(order, inference_id)
            return await self._answer(order, inference_id, future, sent.left)

    async def _answer_of(self, key: IdempotencyKey, order: Order, sent: Sent) -> Answer:
        """The answer of the inference that the key stands for, whichever gateway publishes it.

        Its result is stored: the reply goes to the gateway that published the request, and others read the result.
        What is not acked is not cancelled: whoever asks again with the key gets its answer.
        """
        claim = await self.once.claim(key)
        sent.named("inference_id", claim.id)
        try:
            with self.inferences.expect_stored(claim.id, order.tenant_id) as future:
                await self._publish_once(claim, order, future)
                answer = await self._answer(order, claim.id, future, sent.left)
        except NotAcknowledgedError:
            raise
        except InferenceFailedError as error:
            error.replayed = not claim.first
            raise
        return replace(answer, replayed=not claim.first)

    async def _publish_or_withdraw(self, order: Order, inference_id: UUID) -> None:
        try:
            await self._publish(order, inference_id)
        except NotAcknowledgedError:
            self.inferences.withdraw(order, inference_id)
            raise

    async def _publish_once(self, claim: Claim, order: Order, done: "asyncio.Future[Any]") -> None:
        """done: has a result when anything was heard, which proves that it is published."""

        async def publish(republished: bool) -> None:
            await self._publish(order, claim.id, store_result=True, republished=republished)

        await self.once.publish(claim, publish, until=order.deadline_at, done=done)

    async def _publish(
        self, order: Order, inference_id: UUID, *, store_result: bool = False, republished: bool = False
    ) -> None:
        await self.inferences.publish(order, inference_id, store_result=store_result, republished=republished)
        self.copy(order, inference_id)

    async def _answer(
        self, order: Order, inference_id: UUID, future: "asyncio.Future[AnyReply]", left: Left | None
    ) -> Answer:
        awaited = self.inferences.reply(order, inference_id, future)
        reply = await (awaited if left is None else self._unless_left(left, awaited, order, inference_id))
        return self.inferences.answer(reply)

    async def _unless_left(
        self, left: Left, awaited: Coroutine[Any, Any, AnyReply], order: Order, inference_id: UUID
    ) -> AnyReply:
        """The reply. When the caller is gone first, cancels the inference and raises CallerLeftError."""
        reply, gone = asyncio.ensure_future(awaited), asyncio.ensure_future(left())
        try:
            await asyncio.wait((reply, gone), return_when=asyncio.FIRST_COMPLETED)
            if not reply.done():
                self.inferences.withdraw(order, inference_id)
                raise CallerLeftError
            return reply.result()
        finally:
            reply.cancel()
            gone.cancel()
