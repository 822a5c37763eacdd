"""Pure: from a record of an ingress topic to the requests in it, or why there are none."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from pydantic import UUID7, TypeAdapter, ValidationError

from services.gateway.background.asking import BackgroundOperation
from services.gateway.bodies import InvalidBodyError, parse_json
from services.gateway.inference.admission import Admitted, Deadlines
from shared.events import RoutingOptions
from shared.events.bounds import instant_of
from shared.events.codec import UNDECODABLE, reason
from shared.events.envelope import CE_TYPE, TenantId, context_in, header
from shared.events.upstream import (
    ReplyKeyId,
    TopicName,
    UpstreamBatchRequested,
    UpstreamOptions,
    UpstreamRequest,
    UpstreamRequested,
)
from shared.kafka import ConsumerRecord

_CLOCKS_DIFFER = timedelta(hours=1)

_TENANT, _ID = TypeAdapter[Any](TenantId), TypeAdapter[Any](UUID7)
_REPLY_TOPIC, _REPLY_KEY = TypeAdapter[Any](TopicName), TypeAdapter[Any](ReplyKeyId)


class Whence(NamedTuple):
    """What a request says of itself, as far as it can be read. tenant_id: as it claims."""

    reply_id: UUID
    inference_id: UUID
    tenant_id: str | None
    reply_topic: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """One request of a record; wrong: why it is none."""

    whence: Whence
    request: UpstreamRequest | None = None
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """One record. unreadable: why there is no request in it."""

    lines: Sequence[Line] = ()
    unreadable: str = ""
    trace_context: str | None = None


def read(record: ConsumerRecord) -> Submission:
    """Whatever it holds, this raises nothing."""
    try:
        return Submission(_lines(record), trace_context=context_in(record.headers))
    except InvalidBodyError as error:
        return Submission(unreadable=error.failure.detail)
    except ValidationError as error:
        return Submission(unreadable=reason(error))
    except Exception as error:  # noqa: BLE001 - nothing that a message holds may stop its reader
        return Submission(unreadable=f"it cannot be read: {type(error).__name__}")


def _lines(record: ConsumerRecord) -> list[Line]:
    if (undecodable := header(record.headers, UNDECODABLE)) is not None:
        raise InvalidBodyError(f"the message cannot be decoded: {undecodable[:200]}")
    if record.value is None:
        raise InvalidBodyError("the message has no body")
    fields = parse_json(record.value)
    if _kind_of(record, fields) is UpstreamRequested:
        return [_line(record, 0, fields)]
    batch = UpstreamBatchRequested.model_validate(fields)
    of_all: dict[str, Any] = {"tenant_id": batch.tenant_id, "reply_topic": batch.reply_topic,
                              "reply_key_id": batch.reply_key_id}  # fmt: skip
    given = {name: value for name, value in of_all.items() if value is not None}
    return [_line(record, number, given | each) for number, each in enumerate(batch.requests)]


def _kind_of(record: ConsumerRecord, fields: Mapping[str, Any]) -> type[UpstreamRequested | UpstreamBatchRequested]:
    """Without a ce_type, a record that has `requests` is a batch."""
    ce_type = header(record.headers, CE_TYPE)
    if ce_type is None:
        return UpstreamBatchRequested if "requests" in fields else UpstreamRequested
    for kind in (UpstreamRequested, UpstreamBatchRequested):
        if kind.ce_type == ce_type:
            return kind
    raise InvalidBodyError(f"ce_type {ce_type[:100]!r} is not an event of an ingress topic")


def _line(record: ConsumerRecord, number: int, fields: Mapping[str, Any]) -> Line:
    whence = _whence(record, number, fields)
    try:
        return Line(whence, UpstreamRequest.model_validate(fields))
    except ValidationError as error:
        return Line(whence, wrong=reason(error))


def _whence(record: ConsumerRecord, number: int, fields: Mapping[str, Any]) -> Whence:
    reply_id = id_of_place(record, number)
    return Whence(
        reply_id,
        _valid(_ID, fields.get("inference_id")) or reply_id,
        _valid(_TENANT, fields.get("tenant_id")),
        _valid(_REPLY_TOPIC, fields.get("reply_topic")),
    )


def _valid(kind: TypeAdapter[Any], value: object) -> Any:
    try:
        return kind.validate_python(value)
    except ValidationError:
        return None


def id_of_place(record: ConsumerRecord, number: int) -> UUID:
    """A UUIDv7 that is always the same for this request of this record: of its time, and of where it lies."""
    place = f"{record.topic}/{record.partition}/{record.offset}/{number}/{record.timestamp}"
    digest = hashlib.sha256(place.encode()).digest()
    at_ms = max(0, record.timestamp) % 2**48
    made = (at_ms << 80) | int.from_bytes(digest[:10])
    made = made & ~(0xF << 76) | (7 << 76)  # version
    return UUID(int=made & ~(0x3 << 62) | (0x2 << 62))  # variant


def digest_of(request: UpstreamRequest) -> bytes:
    """Of what is asked for: the same id with another digest is a mistake of its sender."""
    asked = (request.operation_name, request.form, request.request_model, request.input)
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()


def operation_of(request: UpstreamRequest) -> BackgroundOperation:
    """Raises InvalidBodyError."""
    if request.form == "openai":
        return request.operation_name
    if request.operation_name != "chat":
        raise InvalidBodyError(f"form: {request.operation_name} has the form openai only", "form")
    return "messages"


def body_of(request: UpstreamRequest) -> bytes:
    """As it would be sent over HTTP."""
    named = {} if request.request_model is None else {"model": request.request_model}
    return orjson.dumps(request.input | named)


def asked_by_kafka(
    admitted_body: Admitted, request: UpstreamRequest, record: ConsumerRecord, now: datetime, deadlines: Deadlines
) -> Admitted:
    """With the times of its sender, whose clock may be wrong, and its options. Nobody follows its chunks."""
    accepted_at = request.accepted_at or instant_of(record.timestamp) or now
    if accepted_at > now + _CLOCKS_DIFFER:
        accepted_at = now
    latest = accepted_at + timedelta(seconds=deadlines.max_s)
    asked_until = request.deadline_at or accepted_at + (admitted_body.deadline_at - admitted_body.accepted_at)
    return Admitted(
        body=admitted_body.body,
        model=admitted_body.model,
        accepted_at=accepted_at,
        deadline_at=min(asked_until, latest),
        options=_options(admitted_body.options, request.options),
        operation=admitted_body.operation,
        form=admitted_body.form,
    )


def _options(in_body: RoutingOptions, beside: UpstreamOptions) -> RoutingOptions:
    if beside.policy is None and not beside.no_fallback:
        return in_body
    return RoutingOptions(policy=beside.policy or in_body.policy, no_fallback=beside.no_fallback or in_body.no_fallback)
