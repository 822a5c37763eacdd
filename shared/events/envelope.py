"""What all events share: frozen, past tense, JSON in the body and CloudEvents 1.0 attributes in the headers."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, ClassVar, Self
from uuid import UUID

import orjson
import uuid_utils.compat
from pydantic import UUID7, BaseModel, ConfigDict, Field

from shared.clock import utc_now
from shared.telemetry.traces import TRACEPARENT, TRACESTATE, carried, fields_of

KafkaHeaders = Sequence[tuple[str, bytes | None]]  # Kafka allows a header without a value
TenantId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]

_CONSTANT_HEADERS = (("content-type", b"application/json"), ("ce_specversion", b"1.0"))
CE_ID, CE_TYPE, CE_SOURCE, CE_TIME, CE_SUBJECT = "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject"


def new_id() -> UUID:
    """A UUIDv7: unique, and ordered by time of creation."""
    return uuid_utils.compat.uuid7()


Now = Callable[[], datetime]  # a wall clock, which may be behind, ahead of, or set anew against others


class Event(BaseModel):
    """One fact. `ce_source` and `ce_id` (= event_id) together identify it, however often it is delivered.

    Unknown fields are ignored, so that a newer writer does not stop an older reader.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    ce_type: ClassVar[str]

    event_id: UUID = Field(default_factory=new_id)

    @property
    def key(self) -> bytes:
        """The Kafka key: all events of one subject lie on one partition, in order."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        raise NotImplementedError

    @property
    def subject_bytes(self) -> bytes:
        return self.subject.encode()

    @property
    def facts(self) -> "tuple[Event, ...]":
        """What its record tells, in this order: what travels in it, and itself."""
        return (self,)

    def encoded(self) -> bytes:
        return self.__pydantic_serializer__.to_json(self)

    @classmethod
    def decoded(cls, body: bytes) -> Self:
        """Raises pydantic.ValidationError."""
        return cls.model_validate_json(body)

    def headers(self, source: str, traceparent: str | None) -> list[tuple[str, bytes]]:
        headers = [
            *_CONSTANT_HEADERS,
            (CE_ID, _written(self.event_id)),
            (CE_TYPE, _encoded(self.ce_type)),
            (CE_SOURCE, _encoded(source)),
            (CE_TIME, _written(utc_now())),
            (CE_SUBJECT, self.subject_bytes),
        ]
        if traceparent is not None:
            headers += ((name, value.encode()) for name, value in fields_of(traceparent))
        return headers


class InferenceEvent(Event):
    """A fact about one inference of one tenant."""

    inference_id: UUID7
    tenant_id: TenantId

    @property
    def facts(self) -> "tuple[InferenceEvent, ...]":
        return (self,)

    @property
    def key(self) -> bytes:
        return self.inference_id.bytes

    @property
    def subject(self) -> str:
        return str(self.inference_id)

    @property
    def subject_bytes(self) -> bytes:
        return _written(self.inference_id)


def _written(value: UUID | datetime) -> bytes:
    """As `str` and `isoformat` write it, in a tenth of their time: every record has several. An id that the database
    gave is of a class of its driver."""
    return orjson.dumps(value, default=str)[1:-1]


_encoded = lru_cache(maxsize=100)(str.encode)  # few words, of which every record has some


def header(headers: Iterable[tuple[str, bytes | None]], name: str) -> str | None:
    """The first header of that name that has a value, as text, or None."""
    for known, value in headers:
        if known == name and value is not None:
            return value.decode("utf-8", "replace")
    return None


def context_in(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """The trace context of a record, as it is carried."""
    traceparent = header(headers, TRACEPARENT)
    return None if traceparent is None else carried(traceparent, header(headers, TRACESTATE))
