"""Pure: fold a batch of events into one row per attempt and per inference, in any order and with duplicates.

The first word wins: of two outcomes for one attempt, or two settlements for one inference, the one that was
booked first counts, and every other one is late. The database applies the same rule across batches.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from services.monitor.books.causes import cause_of
from services.monitor.slices import slice_of
from shared.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    InferenceAccepted,
    InferenceEvent,
    InferenceHeld,
    InferenceSettled,
)

Row = dict[str, Any]

ALL_KEPT = datetime(2000, 1, 1, tzinfo=UTC)  # no event is older


class Accepted(NamedTuple):
    """A request, where it lies on the request topic, and the W3C trace in which it was asked for, if there is one."""

    request: InferenceAccepted
    partition: int
    offset: int
    trace_id: UUID | None = None


Booked = InferenceEvent | Accepted


@dataclass(slots=True)
class Books:
    """One batch of events as rows, ready to be merged into the tables."""

    attempts: dict[UUID, Row] = field(default_factory=dict)
    inferences: dict[UUID, Row] = field(default_factory=dict)
    words: dict[UUID, InferenceEvent] = field(default_factory=dict)  # outcomes and settlements by event id
    late: dict[UUID, InferenceEvent] = field(default_factory=dict)  # second words within the batch
    facts: int = field(default=0, compare=False)  # that were folded, repetitions included

    @property
    def touched_slices(self) -> set[tuple[str, datetime]]:
        """(tenant_id, slice of a minute) of each call that ended in this batch, and of each inference that was settled:
        their sums are to be computed anew."""
        words = [(row["tenant_id"], row["ended_at"]) for row in self.attempts.values()]
        words += [(row["tenant_id"], row["settled_at"]) for row in self.inferences.values()]
        return {(tenant_id, slice_of(at)) for tenant_id, at in words if at is not None}

    def late_ids(self, today: date) -> dict[date, bytes]:
        """By days before `today`, as the ids of inferences tell them: these ids, 16 bytes each, in order. Such days may
        be sealed already. Nearly always there are none."""
        ids = {row["inference_id"] for row in self.attempts.values()} | self.inferences.keys()
        found: dict[date, list[bytes]] = {}
        for each in ids:
            if (day := day_of(each, today)) is not None:
                found.setdefault(day, []).append(each.bytes)
        return {day: b"".join(sorted(late)) for day, late in found.items()}

    @property
    def called(self) -> list[UUID]:
        """The inferences of which this batch tells calls and no settlement."""
        calls = {row["inference_id"] for row in self.attempts.values()}
        return [one for one in calls if one not in self.inferences or self.inferences[one]["settled_at"] is None]


def fold(events: Iterable[Booked], kept_from: datetime = ALL_KEPT) -> Books:
    """kept_from: of what is older, the rows were dropped; whatever is still said of it is a late word."""
    books = Books()
    for event in events:
        if isinstance(event, Accepted):
            books.facts += 1
            if not is_closed(event.request, kept_from):
                _accept(books, event)
            continue
        for fact in event.facts:
            books.facts += 1
            if is_closed(fact, kept_from):
                books.late[fact.event_id] = fact
            else:
                _add(books, fact)
    return books


def _add(books: Books, event: InferenceEvent) -> None:
    match event:
        case AttemptStarted():
            _start(books, event)
        case InferenceHeld():
            _hold(books, event)
        case AttemptEnded():
            _end(books, event)
        case InferenceSettled():
            _settle(books, event)


def day_of(inference_id: UUID, today: date) -> date | None:
    """The UTC day in a UUIDv7, when it is before `today`: ids may hold times beyond all dates."""
    made_at_s = (inference_id.int >> 80) / 1000
    return datetime.fromtimestamp(made_at_s, UTC).date() if made_at_s < _midnight(today) else None


@lru_cache(maxsize=2)
def _midnight(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()


def is_closed(event: Event | InferenceAccepted, kept_from: datetime) -> bool:
    """Whether it is about a day that the books have dropped. Merged into them it would be a row of its own, as if
    nothing had been known before, and be counted a second time."""
    match event:
        case AttemptEnded():
            return event.started_at < kept_from
        case AttemptStarted() | InferenceHeld() | InferenceAccepted() | InferenceSettled():
            return event.accepted_at < kept_from
    return False


def _accept(books: Books, event: Accepted) -> None:
    """Of its delivery it says the least: what routers say of the same one is newer, whatever their clocks say."""
    request = event.request
    inference = _inference(books, request)
    inference["operation_name"] = inference["operation_name"] or request.operation_name
    inference["model_requested"] = inference["model_requested"] or request.request_model
    _asked_by(inference, request)
    inference["trace_id"] = inference["trace_id"] or event.trace_id
    told = {
        "delivery": request.delivery,
        "last_start_at": ALL_KEPT,
        "router_id": None,
        "deadline_at": request.deadline_at,
        "reply_partition": request.reply_partition,
        "store_result": request.store_result,
        "request_partition": event.partition,
        "request_offset": event.offset,
    }
    _tell(inference, told)


def _start(books: Books, event: AttemptStarted) -> None:
    attempt = _attempt(books, event)
    attempt.update(reason=event.reason, router_id=event.router_id, on_record=True, started_at=event.started_at)
    _called_for(attempt, event)
    inference = _inference(books, event)
    inference["operation_name"] = inference["operation_name"] or event.operation_name
    inference["key_id"] = inference["key_id"] or event.api_key_id
    if event.candidates and inference["candidates"] is None:
        inference["candidates"] = [candidate.model_dump() for candidate in event.candidates]
    _claim(inference, event, event.started_at, event.router_id)


def _hold(books: Books, event: InferenceHeld) -> None:
    inference = _inference(books, event)
    hold = {
        "delivery": event.delivery,
        "held_at": event.held_at.isoformat(),
        "handed_back": event.handed_back,
        "was_claimed": event.was_claimed,
    }
    holds = inference["held_by"] = inference["held_by"] or {}
    if event.router_id not in holds or _age(holds[event.router_id]) <= _age(hold):
        holds[event.router_id] = hold
    # Nobody has it then: no router beats under this name, so recovery takes it for one that is gone.
    holder = f"{event.router_id} (handed back)" if event.handed_back else event.router_id
    _claim(inference, event, event.held_at, holder)


def _claim(inference: Row, event: AttemptStarted | InferenceHeld, at: datetime, router_id: str) -> None:
    """The newest start or hold says which router has the inference now, and where its request is on the topic."""
    inference["model_requested"] = inference["model_requested"] or event.model_requested
    told = {
        "delivery": event.delivery,
        "last_start_at": at,
        "router_id": router_id,
        "deadline_at": event.deadline_at,
        "reply_partition": event.reply_partition,
        "store_result": event.store_result,
        "request_partition": event.request_partition,
        "request_offset": event.request_offset,
    }
    _tell(inference, told)


def _tell(inference: Row, told: Row) -> None:
    if inference["last_start_at"] is None or _newness(told) >= _newness(inference):
        inference.update(told, delivery=max(told["delivery"], inference["delivery"]))


def _age(hold: Row) -> tuple[int, str]:
    return hold["delivery"], hold["held_at"]


def _newness(row: Row) -> tuple[int, datetime, int]:
    return (row["delivery"], row["last_start_at"], row["request_offset"])


def _end(books: Books, event: AttemptEnded) -> None:
    attempt = _attempt(books, event)
    _called_for(attempt, event)
    if not _first_word(books, attempt, "outcome_event_id", event):
        return
    attempt.update(
        outcome=event.outcome,
        error_type=event.error.error_type if event.error else None,
        error=_told(event),
        cause=cause_of(event.error) if event.error else None,
        ended_at=event.ended_at,
        duration_s=event.duration_s,
        response_model=event.response_model,
        finish_reasons=list(event.finish_reasons),
        input_tokens=event.input_tokens,
        output_tokens=event.output_tokens,
        cache_read_tokens=event.cache_read_tokens,
        cache_write_tokens=event.cache_write_tokens,
        reasoning_tokens=event.reasoning_tokens,
        input_audio_tokens=event.input_audio_tokens,
        output_audio_tokens=event.output_audio_tokens,
        usage_state=event.usage_state,
        cost_usd=event.cost_usd,
        streamed=event.streamed,
        first_chunk_s=event.first_chunk_s,
        chunks=event.chunks,
        reported_by=event.reported_by,
    )


def _settle(books: Books, event: InferenceSettled) -> None:
    inference = _inference(books, event)
    inference["delivery"] = max(inference["delivery"], event.delivery)
    inference["operation_name"] = inference["operation_name"] or event.operation_name
    _asked_by(inference, event)
    if not _first_word(books, inference, "settlement_event_id", event):
        return
    inference.update(
        settlement=event.settlement,
        settled_at=event.settled_at,
        duration_s=event.duration_s,
        model_requested=inference["model_requested"] or event.model_requested,
        first_model=event.first_model,
        model_served=event.model_served,
        server_address=event.server_address,
        attempts=event.attempts,
        error_type=event.error.error_type if event.error else None,
        error=_told(event),
        cause=cause_of(event.error) if event.error else None,
        reported_by=event.reported_by,
    )


def _asked_by(inference: Row, event: InferenceAccepted | InferenceSettled) -> None:
    inference["key_id"] = inference["key_id"] or event.api_key_id
    inference["session"] = inference["session"] or event.session
    inference["tags"] = inference["tags"] or event.tags or None


def _called_for(attempt: Row, event: AttemptStarted | AttemptEnded) -> None:
    """Also by its end, of which the sums are made, and which may be booked before its start."""
    attempt["key_id"] = attempt["key_id"] or event.api_key_id
    attempt["operation_name"] = attempt["operation_name"] or event.operation_name


def _first_word(books: Books, row: Row, column: str, event: InferenceEvent) -> bool:
    """Whether this event is the first outcome or settlement of its subject in the batch. False for a repetition, and
    for a second one, which is kept in `late`."""
    books.words[event.event_id] = event
    if row[column] is None:
        row[column] = event.event_id
        return True
    if row[column] != event.event_id:
        books.late[event.event_id] = event
    return False


def _attempt(books: Books, event: AttemptStarted | AttemptEnded) -> Row:
    """Its row in this batch."""
    if (row := books.attempts.get(event.attempt_id)) is None:
        row = books.attempts[event.attempt_id] = _attempt_row(event)
    return row


def _attempt_row(event: AttemptStarted | AttemptEnded) -> Row:
    return dict.fromkeys(ATTEMPT_COLUMNS) | {
        "attempt_id": event.attempt_id,
        "inference_id": event.inference_id,
        "tenant_id": event.tenant_id,
        "attempt_number": event.attempt_number,
        "model": event.model,
        "provider_name": event.provider_name,
        "server_address": event.server_address,
        "started_at": event.started_at,
        "on_record": False,
    }


def _inference(books: Books, event: InferenceAccepted | AttemptStarted | InferenceHeld | InferenceSettled) -> Row:
    """Its row in this batch."""
    if (row := books.inferences.get(event.inference_id)) is None:
        row = books.inferences[event.inference_id] = _inference_row(event)
    return row


def _inference_row(event: InferenceAccepted | AttemptStarted | InferenceHeld | InferenceSettled) -> Row:
    return dict.fromkeys(INFERENCE_COLUMNS) | {
        "inference_id": event.inference_id,
        "tenant_id": event.tenant_id,
        "accepted_at": event.accepted_at,
        "delivery": event.delivery,
    }


def _told(event: AttemptEnded | InferenceSettled) -> Row | None:
    return event.error.model_dump(mode="json", exclude_none=True) if event.error else None


ATTEMPT_COLUMNS = (
    "attempt_id", "inference_id", "tenant_id", "attempt_number", "key_id", "operation_name", "model", "provider_name",
    "server_address", "reason", "router_id", "started_at", "on_record", "outcome", "outcome_event_id", "error_type",
    "error", "cause", "ended_at", "duration_s", "response_model", "finish_reasons", "input_tokens", "output_tokens",
    "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "input_audio_tokens", "output_audio_tokens",
    "usage_state", "cost_usd", "streamed", "first_chunk_s", "chunks", "reported_by",
)  # fmt: skip

INFERENCE_COLUMNS = (
    "inference_id", "tenant_id", "accepted_at", "deadline_at", "key_id", "session", "tags", "trace_id",
    "operation_name", "model_requested", "candidates", "router_id", "last_start_at", "held_by", "reply_partition",
    "store_result", "request_partition", "request_offset", "delivery", "settlement", "settlement_event_id",
    "settled_at", "duration_s", "first_model", "model_served", "server_address", "attempts", "error_type", "error",
    "cause", "reported_by",
)  # fmt: skip
