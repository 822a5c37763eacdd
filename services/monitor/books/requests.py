"""What the books read of a record of the request topic: that an inference was accepted, and where its request lies.

Our own services tell it in a header. An upstream service that publishes by itself does not, and then the body is read.
"""

from pydantic import ValidationError

from services.monitor.books.books import Accepted
from shared.events import InferenceAccepted, InferenceRequested
from shared.events.bounds import instant_of
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import CE_TYPE, header
from shared.events.inference import ACCEPTED, RESERVED_KEY_IDS
from shared.events.topics import REQUESTS, request_partition
from shared.kafka import ConsumerRecord
from shared.telemetry.traces import TRACEPARENT, trace_id_of


def accepted(record: ConsumerRecord) -> Accepted | None:
    """None for what is no request: its router makes a dead letter of it."""
    request = _told(record) or _read(record)
    if request is None:
        return None
    partition = request_partition(record.topic, record.partition)
    return Accepted(request, partition, record.offset, trace_id_of(header(record.headers, TRACEPARENT)))


def _told(record: ConsumerRecord) -> InferenceAccepted | None:
    told = header(record.headers, ACCEPTED)
    if told is None or header(record.headers, CE_TYPE) != InferenceRequested.ce_type:
        return None
    try:
        request = InferenceAccepted.model_validate_json(told)
    except ValidationError:
        return None
    # What is booked apart must be so by the body, which routers go by: a header alone would hide what it costs.
    is_plain_word = request.api_key_id not in RESERVED_KEY_IDS
    return request if is_plain_word and request.inference_id.bytes == record.key else None


def _read(record: ConsumerRecord) -> InferenceAccepted | None:
    try:
        request = decode(REQUESTS, record.headers, record.value)
        if not isinstance(request, InferenceRequested):
            return None
        if "accepted_at" not in request.model_fields_set and (at := instant_of(record.timestamp)) is not None:
            request = request.model_copy(update={"accepted_at": at})  # as routers take it
        return InferenceAccepted.model_validate(request.accepted.model_dump())
    except (UnreadableMessageError, ValidationError):
        return None
