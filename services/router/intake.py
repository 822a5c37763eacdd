"""From a record of the request topic to Work, or to Refused with its reason."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import orjson
import structlog

from services.router.cancellations import Cancellations
from services.router.work import Asked, Refused, Source, Work
from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_sealed
from shared.db.failures import RETRYABLE
from shared.errors import Failure, TallygateError, failure
from shared.events import InferenceRequested, Now, utc_now
from shared.events.bounds import MAX_LIFE_DAYS, instant_of
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import context_in
from shared.events.inference import RESERVED_KEY_IDS
from shared.events.ingress import EVERYBODY, SETTING, Ingress
from shared.events.probe import is_probe
from shared.events.topics import BULK_REQUESTS, REQUESTS, request_partition
from shared.inferences import InferenceStore
from shared.kafka import ConsumerRecord
from shared.memory import Memory
from shared.operations import Operation
from shared.registry import Registry, TenantModels, canonical_reference
from shared.selection import Conditions, needs_of, select
from shared.selection.budgets import over_budget
from shared.selection.session_caps import over_cap

logger = structlog.get_logger(__name__)

_CLOCKS_DIFFER = timedelta(hours=1)  # of machines, at most
_REGISTRY_WAIT_S = 2.0
_BOOKS_WAIT_S = 2.0
_REMEMBERED = 100_000

_NEEDED: dict[Operation, tuple[str, ...]] = {
    "chat": ("messages",),
    "count_tokens": ("messages",),
    "embeddings": ("input",),
    "rerank": ("query", "documents"),
}

_UNREADABLE = "The request cannot be opened"
_UNREADABLE_TIPS = (
    "Give every router the key that sealed it (TALLYGATE_KEYS), restart them, then send the request again.",
    "Give a new key to all services before the first one seals with it: docs/runbooks/rotate-keys.md",
)

_INGRESS = (f"Publish it to a topic that {SETTING} names: docs/upstream.md",)
_NO_KEY = ("Leave api_key_id out, or say the id of a key of the tenant.",)


class Intake:
    def __init__(
        self, ring: KeyRing, store: InferenceStore, registry: Registry, conditions: Conditions,
        cancellations: Cancellations, now: Now = utc_now, ingress: Ingress = EVERYBODY,
    ) -> None:  # fmt: skip
        self._ring = ring
        self._store = store
        self._registry = registry
        self._conditions = conditions
        self._cancellations = cancellations
        self._now = now
        self._ingress = ingress
        self._known: Memory[tuple[UUID, int], None] = Memory(_REMEMBERED)  # deliveries of inferences

    def read(self, record: ConsumerRecord) -> Asked:
        """Raises UnreadableMessageError when the record is not a request."""
        request = decode(REQUESTS, record.headers, record.value)  # the topics of requests have the same events
        if not isinstance(request, InferenceRequested):
            raise UnreadableMessageError(f"{type(request).__name__} is not a request")
        plain = request.sealed_input is None and not is_probe(request)
        if plain and self._ingress.tenant_of(REQUESTS.name, request.tenant_id) is None:
            # Who has no key of ours is believed only where the deployment says so.
            raise UnreadableMessageError(f"a plain input is not taken here for tenant {request.tenant_id}: {SETTING}")
        if "accepted_at" not in request.model_fields_set:  # upstream services may leave it out
            published_at = instant_of(record.timestamp) or utc_now()
            request = request.model_copy(update={"accepted_at": published_at})
        if record.topic == BULK_REQUESTS.name and request.priority != "bulk":  # by its place it is
            request = request.model_copy(update={"priority": "bulk"})
        request = _within_our_time(request, utc_now())
        traceparent = context_in(record.headers)
        source = Source(request_partition(record.topic, record.partition), record.offset, len(record.value or b""))
        return Asked(request, source, traceparent)

    async def prepared(self, asked: Asked) -> Work | Refused:
        """As `prepare`, whatever happens: a caller waits for this request, and other requests wait behind it."""
        try:
            return await self.prepare(asked)
        except Exception as error:
            logger.exception("intake.failed", partition=asked.source.partition, offset=asked.source.offset)
            refusal = failure("internal", f"the request could not be prepared: {type(error).__name__}")
            return Refused(asked.request, "failed", refusal, asked.traceparent)

    def over(self, asked: Asked) -> Refused | None:
        """When nobody wants an answer any more, or it asks for what nobody gets here."""
        request = asked.request
        if (objection := _objection(request)) is not None:
            return Refused(request, "rejected", objection, asked.traceparent)
        if request.expires_at <= self._now():
            told = failure("expired", "the deadline had passed before a router could begin with it")
            return Refused(request, "expired", told, asked.traceparent)
        if request.is_shadow and request.delivery > 1:
            lost = failure("cancelled", "a copy for a model on trial is not handed out again")
            return Refused(request, "cancelled", lost, asked.traceparent)
        if self._cancellations.cancelled(request.tenant_id, request.inference_id):
            cancelled = failure("cancelled", "the caller cancelled it before a router began with it")
            return Refused(request, "cancelled", cancelled, asked.traceparent)
        return None

    async def prepare(self, asked: Asked) -> Work | Refused:
        """Refused, and so answered, whatever is wrong with a request that has an id: somebody may wait for it."""
        request, traceparent = asked.request, asked.traceparent
        if (over := self.over(asked)) is not None:
            return over
        try:
            body = self._input_of(request)
        except TallygateError as error:
            return Refused(request, "failed", error.failure, traceparent)
        models = await self._models(request)
        used_up = self._used_up(request, models)
        if used_up is not None and request.delivery == 1:  # what was begun is finished
            return Refused(request, "rejected", used_up, traceparent)
        needs = needs_of(
            request.request_model, body, request.options, request.inference_id.bytes, request.operation_name,
            request.form,
        )  # fmt: skip
        selection = select(needs, models, self._conditions.health(request.tenant_id))
        if not selection.candidates:
            return Refused(request, "failed", selection.why_none(needs), traceparent)
        return Work(request, body, selection, asked.source, traceparent)

    def _used_up(self, request: InferenceRequested, models: TenantModels) -> Failure | None:
        """Why its tenant, or its session, may use nothing more."""
        over = over_budget(models.terms, self._conditions.spent(request.tenant_id), self._now())
        if over is not None or request.session is None:
            return over
        return over_cap(self._conditions.session(request.tenant_id, request.session))

    async def first_time(self, request: InferenceRequested) -> bool:
        """True once for each delivery of an inference.

        A publisher that got no ack in time publishes again with the same ids, so a request may be on the topic twice.
        One key is on one partition, so this router's memory finds the second one, unless the partition has moved in
        between; for requests that say so (`republished`) the books are asked.
        """
        delivery = (request.inference_id, request.delivery)
        if delivery in self._known:
            return False
        self._known.put(delivery, None)
        return not await self._is_booked(request)

    def forget(self, request: InferenceRequested) -> None:
        """The claim failed. The request is delivered again, and is no duplicate then."""
        self._known.forget((request.inference_id, request.delivery))

    async def _is_booked(self, request: InferenceRequested) -> bool:
        """Whether a router has begun with this delivery, as far as the books know. It is left to that router then, and
        to the monitor should it die. While the books cannot be asked the request is taken: a call that is made twice is
        on record twice, and a request that nobody takes is lost.
        """
        if not request.republished:
            return False
        try:
            async with asyncio.timeout(_BOOKS_WAIT_S):
                return await self._store.begun(request.tenant_id, request.inference_id, request.delivery)
        except RETRYABLE as error:
            logger.warning("books.not_read", reason=type(error).__name__, tenant=request.tenant_id)
            return False

    async def _models(self, request: InferenceRequested) -> TenantModels:
        """The tenant's models, at least in the version that the request asks for. While the database is away, as they
        are known: waiting would hold up every request behind this one.
        """
        reference = canonical_reference(request.request_model)
        known = self._registry.of(request.tenant_id)
        if known.version >= request.registry_version and (reference is None or known.get(reference) is not None):
            return known
        try:
            async with asyncio.timeout(_REGISTRY_WAIT_S):
                models = await self._registry.at_least(request.tenant_id, request.registry_version)
                if reference is not None and models.get(reference) is None:
                    models = await self._registry.refresh(request.tenant_id)
        except RETRYABLE as error:
            logger.warning("registry.not_read", reason=type(error).__name__, tenant=request.tenant_id)
            return self._registry.of(request.tenant_id)
        return models

    def _input_of(self, request: InferenceRequested) -> dict[str, object]:
        """Raises TallygateError."""
        if request.sealed_input is None:
            return _checked(request.input or {}, request.operation_name)
        context = SealedContext(request.tenant_id, "input", str(request.inference_id))
        try:
            opened = open_sealed(self._ring, context, request.sealed_input)
        except UnreadableSecretError as error:
            detail = f"sealed_input cannot be opened: {error}"
            raise TallygateError("key_unreadable", detail, title=_UNREADABLE, tips=_UNREADABLE_TIPS) from None
        try:
            return _checked(orjson.loads(opened), request.operation_name)
        except orjson.JSONDecodeError:
            raise TallygateError("invalid_request", "sealed_input does not hold JSON") from None


def _objection(request: InferenceRequested) -> Failure | None:
    """What its publisher asks for and would not get, or says and may not."""
    for name, value in (("reply_topic", request.reply_topic), ("reply_key_id", request.reply_key_id)):
        if value is not None:
            return failure(
                "invalid_request", f"{name}: no answer is told on a topic of its sender's here", tips=_INGRESS
            )
    if request.api_key_id in RESERVED_KEY_IDS and request.sealed_input is None and not is_probe(request):
        detail = f"api_key_id: {request.api_key_id!r} is said by services of Tallygate's own only"
        return failure("permission_denied", detail, title="This key id is reserved", tips=_NO_KEY)
    return None


def _within_our_time(request: InferenceRequested, now: datetime) -> InferenceRequested:
    """As if its publisher's clock were right: the audit counts whatever can be read as accepted, so it needs an end."""
    if request.accepted_at > now + _CLOCKS_DIFFER:
        request = request.model_copy(update={"accepted_at": now})
    latest = request.accepted_at + timedelta(days=MAX_LIFE_DAYS)
    return request.model_copy(update={"deadline_at": latest}) if request.expires_at > latest else request


def _checked(body: object, operation: Operation = "chat") -> dict[str, object]:
    """Raises TallygateError."""
    needed = _NEEDED[operation]
    if not isinstance(body, dict) or not all(map(body.get, needed)):
        raise _not_a_body(operation, f"it needs {' and '.join(needed)}")
    if "messages" not in needed:
        return body
    if not isinstance(body["messages"], list):
        raise _not_a_body(operation, "it needs messages in a list")
    if not all(isinstance(message, dict) for message in body["messages"]):
        raise _not_a_body(operation, "every message must be an object")
    return body


def _not_a_body(operation: Operation, why: str) -> TallygateError:
    return TallygateError("invalid_request", f"the input is not a body for {operation}: {why}")
