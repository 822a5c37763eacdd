"""From a record on the request topic to work, or to the reason why there is none."""

import orjson
from aiokafka import ConsumerRecord

from services.router.selection import needs_of, select
from services.router.work import Refused, Source, Work
from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_sealed
from shared.errors import failure
from shared.events import InferenceRequested, utc_now
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import header
from shared.events.topics import REQUESTS
from shared.registry import Registry, canonical_reference
from shared.telemetry.traces import TRACEPARENT, valid_traceparent


class Intake:
    def __init__(self, ring: KeyRing, registry: Registry) -> None:
        self._ring = ring
        self._registry = registry

    async def prepare(self, record: ConsumerRecord) -> Work | Refused:
        """Raises UnreadableMessageError for what can never be worked on."""
        request = decode(REQUESTS, record.headers, record.value)
        if not isinstance(request, InferenceRequested):
            raise UnreadableMessageError(f"{type(request).__name__} is not a request")
        traceparent = valid_traceparent(header(record.headers, TRACEPARENT))
        if request.expires_at <= utc_now():
            told = failure("expired", "the deadline had passed when a router took the request")
            return Refused(request, "expired", told, traceparent)
        body, size = self._input_of(request)
        models = await self._registry.at_least(request.tenant_id, request.registry_version)
        reference = canonical_reference(request.request_model)
        if reference is not None and models.get(reference) is None:
            models = await self._registry.refresh(request.tenant_id)
        needs = needs_of(request.request_model, body, size, request.options)
        selection = select(needs, models)
        if not selection.candidates:
            told = failure("no_model_available", selection.why_none)
            return Refused(request, "failed", told, traceparent)
        return Work(request, body, selection, Source(record.partition, record.offset), traceparent)

    def _input_of(self, request: InferenceRequested) -> tuple[dict[str, object], int]:
        if request.sealed_input is None:
            plain = request.input or {}
            return _checked(plain), len(orjson.dumps(plain))
        context = SealedContext(request.tenant_id, "input", str(request.inference_id))
        try:
            opened = open_sealed(self._ring, context, request.sealed_input)
        except UnreadableSecretError as error:
            raise UnreadableMessageError(f"sealed_input cannot be opened: {error}") from None
        try:
            return _checked(orjson.loads(opened)), len(opened)
        except orjson.JSONDecodeError:
            raise UnreadableMessageError("sealed_input does not hold JSON") from None


def _checked(body: object) -> dict[str, object]:
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list) or not body["messages"]:
        raise UnreadableMessageError("the input is not a chat body: it needs messages")
    if not all(isinstance(message, dict) for message in body["messages"]):
        raise UnreadableMessageError("the input is not a chat body: every message must be an object")
    return body
