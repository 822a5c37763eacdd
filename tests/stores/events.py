"""Events of a few inferences, as routers and monitors may say them: in any order, more than once, contradicting."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from hypothesis import strategies as st

from services.monitor.books.books import Accepted, Booked
from shared.errors import ErrorType, failure
from shared.events import AttemptEnded, InferenceEvent, InferenceRequested, new_id
from tests.unit.shared.events.samples import NOW, ended, handed_back, held, requested, settled, started

_ERRORS: tuple[ErrorType, ...] = ("server_error", "handed_back", "router_lost", "cancelled")
_ASKED_BY: tuple[dict[str, object], ...] = (
    {}, {"api_key_id": "k1"}, {"session": "s1", "tags": {"team": "a"}}, {"api_key_id": "k2", "tags": {"team": "b"}},
)  # fmt: skip
_CANDIDATES = [{"model": "custom:m", "reason": "named by the request", "chosen": True}]


@dataclass(frozen=True, slots=True)
class Said:
    """batches: in the order of their booking. routers: all that are named, each of this example alone."""

    inferences: tuple[UUID, ...]
    routers: tuple[str, ...]
    batches: tuple[tuple[Booked, ...], ...]


@st.composite
def said(draw: st.DrawFn) -> Said:
    inferences = tuple(new_id() for _ in range(draw(st.integers(1, 2))))
    routers = tuple(f"{letter}-{new_id()}" for letter in "ab")
    events: list[Booked] = []
    for inference_id in inferences:
        events += [draw(_request(inference_id)) for _ in range(draw(st.integers(0, 2)))]
        for number in range(draw(st.integers(0, 4))):
            events += draw(_attempt(inference_id, number, routers))
        events += draw(_hold(inference_id, routers))
        outcomes = [event for event in events if isinstance(event, AttemptEnded) and event.inference_id == inference_id]
        events += [draw(_settlement(inference_id, outcomes)) for _ in range(draw(st.integers(0, 2)))]
    order = draw(st.permutations(events + draw(st.lists(st.sampled_from(events), max_size=4)) if events else events))
    return Said(inferences, routers, tuple(draw(_cut(order))))


def asked(request: InferenceRequested, offset: int) -> Accepted:
    """As it is read from partition 3 of the request topic."""
    return Accepted(request.accepted, 3, offset)


@st.composite
def _request(draw: st.DrawFn, inference_id: UUID) -> Accepted:
    request = requested(
        inference_id=inference_id,
        delivery=draw(st.integers(1, 3)),
        reply_partition=draw(st.sampled_from((None, 6))),
        store_result=draw(st.booleans()),
        request_model=draw(st.sampled_from((None, "custom:m"))),
        **draw(st.sampled_from(_ASKED_BY)),
    )
    return asked(request, draw(st.integers(10, 19)))


@st.composite
def _attempt(draw: st.DrawFn, inference_id: UUID, number: int, routers: tuple[str, ...]) -> list[InferenceEvent]:
    """Its start, and up to two words about its end; each may be missing. Starts of one inference are never at once."""
    at = NOW + timedelta(seconds=number + draw(st.sampled_from((0.0, 0.25, -3.75))))
    ids = {"inference_id": inference_id, "attempt_id": new_id(), "attempt_number": number + 1}
    told = {"operation_name": draw(st.sampled_from((None, "chat"))), "api_key_id": draw(st.sampled_from((None, "k1")))}
    start = started(
        **ids,
        router_id=draw(st.sampled_from(routers)),
        delivery=draw(st.integers(1, 3)),
        started_at=at,
        candidates=draw(st.sampled_from(([], _CANDIDATES))),
        reply_partition=draw(st.sampled_from((None, 5))),
        store_result=draw(st.booleans()),
        request_offset=draw(st.integers(0, 9)),
        model_requested=draw(st.sampled_from((None, "custom:m"))),
        api_key_id=draw(st.sampled_from((None, "k1"))),
    )
    error = failure(draw(st.sampled_from(_ERRORS)), "why")
    ends = [
        ended(**ids, **told, outcome="failed", error=error, event_id=new_id(), started_at=at)
        if draw(st.booleans())
        else ended(
            **ids, **told, input_tokens=number, cost_usd=0.5, finish_reasons=("stop",), event_id=new_id(), started_at=at
        )
        for _ in range(draw(st.integers(0, 2)))
    ]
    return [*([start] if draw(st.integers(0, 5)) else []), *ends]


@st.composite
def _hold(draw: st.DrawFn, inference_id: UUID, routers: tuple[str, ...]) -> list[InferenceEvent]:
    """A claim without a call and that it was handed back; each may be missing."""
    at = NOW + timedelta(seconds=draw(st.sampled_from((0.125, 2.125))))
    hold = held(
        inference_id=inference_id,
        router_id=draw(st.sampled_from(routers)),
        held_at=at,
        delivery=draw(st.integers(1, 3)),
        event_id=new_id(),
    )
    claimed = draw(st.booleans())
    return draw(st.sampled_from(([], [hold], [hold, handed_back(hold, was_claimed=claimed)])))


@st.composite
def _settlement(draw: st.DrawFn, inference_id: UUID, outcomes: list[AttemptEnded]) -> InferenceEvent:
    """With one of the outcomes in it, which may be told by itself too, or without."""
    word = draw(st.sampled_from(("completed", "failed", "expired")))
    error = None if word == "completed" else failure("expired", "too late")
    return settled(
        inference_id=inference_id, settlement=word, error=error, event_id=new_id(), delivery=draw(st.integers(1, 3)),
        model_requested=draw(st.sampled_from((None, "custom:m"))), last=draw(st.sampled_from((None, *outcomes))),
        **draw(st.sampled_from(_ASKED_BY)),
    )  # fmt: skip


@st.composite
def _cut(draw: st.DrawFn, events: list[Booked]) -> list[tuple[Booked, ...]]:
    batches, left = [], list(events)
    while left:
        size = draw(st.integers(1, len(left)))
        batches.append(tuple(left[:size]))
        left = left[size:]
    return batches
