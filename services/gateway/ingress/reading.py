"""Pure: from a record of an ingress topic to the requests in it, or why there are none."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import UUID7, BaseModel, TypeAdapter, ValidationError

from services.gateway.bodies import InvalidBodyError, parse_json
from shared.events import InferenceRequested, RoutingOptions
from shared.events.codec import UNDECODABLE, reason
from shared.events.envelope import CE_TYPE, TenantId, context_in, header
from shared.events.upstream import (
    TopicName,
    UpstreamBatchRequested,
    UpstreamOptions,
    UpstreamRequest,
    UpstreamRequested,
)
from shared.kafka import ConsumerRecord

_TENANT, _ID = TypeAdapter[Any](TenantId), TypeAdapter[Any](UUID7)
_REPLY_TOPIC = TypeAdapter[Any](TopicName)


def _unsayable(ours: type[BaseModel], theirs: type[BaseModel], *harmless: str) -> dict[str, Any]:
    """What services of ours say of a request and an upstream service may not, and what it is when nobody says it."""
    names = ours.model_fields.keys() - theirs.model_fields.keys() - set(harmless)
    return {name: ours.model_fields[name].default for name in sorted(names)}


# Results of all that is asked here are stored.
_UNSAYABLE = _unsayable(InferenceRequested, UpstreamRequested, "store_result")
_UNSAYABLE_OPTIONS = _unsayable(RoutingOptions, UpstreamOptions)
# Of all requests of a batch these can be said; the rest each says for itself.
_OF_EACH = dict.fromkeys(UpstreamRequest.model_fields.keys() - UpstreamBatchRequested.model_fields.keys())


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
    if said := _said(fields, _OF_EACH | _UNSAYABLE):
        raise InvalidBodyError(f"{said}: each of the requests says it for itself", said)
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
    options = fields.get("options")
    said = _said(fields, _UNSAYABLE) or (isinstance(options, dict) and _said(options, _UNSAYABLE_OPTIONS))
    if said:
        return Line(whence, wrong=f"{said}: services of Tallygate's own say this, and no other")
    try:
        request = UpstreamRequest.model_validate(fields)
    except ValidationError as error:
        return Line(whence, wrong=reason(error))
    if request.reply_key_id is not None and request.reply_topic is None:
        return Line(whence, wrong="reply_key_id: without a reply_topic no answer is sealed for it")
    return Line(whence, request)


def _said(fields: Mapping[str, Any], unsayable: Mapping[str, Any]) -> str | None:
    """The first of these names that is said."""
    return next((name for name, unsaid in unsayable.items() if fields.get(name) not in (unsaid, None, [])), None)


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
