"""Is it a request that we take? By the rules of HTTP, whatever the limits say of it."""

from typing import NamedTuple

from services.gateway.background.asking import BackgroundOperation, admit
from services.gateway.background.responses import OPERATION, asked_to_keep
from services.gateway.bodies import InvalidBodyError
from services.gateway.inference.admission import Admitted
from services.gateway.inference.labels import Labels
from services.gateway.ingress.asking import asked_by_kafka, body_of, digest_of, headers_of, operation_of
from services.gateway.ingress.parts import Parts, caller_of
from services.gateway.ingress.reading import Line, Submission
from services.gateway.ingress.store import New
from shared.errors import TallygateError
from shared.events import utc_now
from shared.events.upstream import UpstreamRequest
from shared.inferences import Order
from shared.kafka import ConsumerRecord


class Taken(NamedTuple):
    """A request that may be published, and the record that it came in."""

    record: ConsumerRecord
    line: Line
    order: Order
    new: New


async def admitted(
    parts: Parts, record: ConsumerRecord, submission: Submission, line: Line, request: UpstreamRequest, tenant_id: str
) -> Taken:
    """Raises TallygateError."""
    now, deadlines = utc_now(), parts.background.deadlines
    if request.reply_topic is not None and not parts.ingress.may_reply_to(request.reply_topic):
        raise InvalidBodyError(
            f"reply_topic: its name must begin with {parts.ingress.reply_prefix!r}, and be no dead-letter topic"
        )
    operation, body = operation_of(request), body_of(request)
    if len(body) > parts.max_body_bytes:
        raise TallygateError("payload_too_large", f"the input has {len(body)} bytes, of {parts.max_body_bytes} at most")
    asked = asked_by_kafka(await _in_body(parts, operation, body, request, tenant_id), request, record, now, deadlines)
    caller, said = caller_of(tenant_id, record.topic), Labels(request.session, request.tags)
    order = await parts.completing.order(caller, asked, said, submission.trace_context, "normal")
    inference_id, told_with = line.whence.inference_id, body if operation == OPERATION else b""
    new = New(
        inference_id=inference_id,
        tenant_id=tenant_id,
        operation=operation,
        accepted_at=order.accepted_at,
        deadline_at=order.deadline_at,
        kept_s=parts.background.kept_s(tenant_id, operation),
        sha256=digest_of(request),
        reply_topic=request.reply_topic,
        reply_key_id=request.reply_key_id,
        public_key=await _public_key(parts, tenant_id, request),
        trace_context=submission.trace_context,
        sealed_request=parts.background.sealed_request(tenant_id, inference_id, told_with),
    )
    return Taken(record, line, order, new)


async def _in_body(
    parts: Parts, operation: BackgroundOperation, body: bytes, request: UpstreamRequest, tenant_id: str
) -> Admitted:
    if operation == OPERATION:
        return await parts.responses.admitted(tenant_id, asked_to_keep(body), headers_of(request))
    return admit(operation, body, headers_of(request), utc_now(), parts.background.deadlines)


async def _public_key(parts: Parts, tenant_id: str, request: UpstreamRequest) -> bytes | None:
    if request.reply_key_id is None:
        return None
    key = await parts.reply_keys.key(tenant_id, request.reply_key_id)
    if key is None:
        tips = ("Register it: tallygate reply-keys add",)
        raise TallygateError("invalid_request", f"reply_key_id: {request.reply_key_id!r} is not known", tips=tips)
    return key
