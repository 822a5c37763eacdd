"""Pure: the events of inferences that went well, as a router reports them."""

from datetime import datetime, timedelta

from shared.events import AttemptEnded, AttemptStarted, Event, InferenceSettled, new_id
from shared.events.attempt import CandidateConsidered
from shared.events.topics import ATTEMPTS, OUTCOMES, Topic

EVENTS_PER_INFERENCE = 3
TENANT = "default"
_MODEL, _ROUTER = "custom:demo", "bench"
_ADDRESS, _PROVIDER = "127.0.0.1:9100", "custom"
_CALL = timedelta(milliseconds=50)


def inference_events(number: int, now: datetime) -> list[tuple[Topic, Event]]:
    started = _started(number, now)
    ended = AttemptEnded(
        inference_id=started.inference_id, tenant_id=TENANT, attempt_id=started.attempt_id, attempt_number=1,
        model=_MODEL, server_address=_ADDRESS, provider_name=_PROVIDER, outcome="succeeded", started_at=now,
        ended_at=now + _CALL, duration_s=_CALL.total_seconds(), response_model="demo", finish_reasons=("stop",),
        input_tokens=13, output_tokens=14, cost_usd=0.0001, reported_by=f"router/{_ROUTER}",
    )  # fmt: skip
    settled = InferenceSettled(
        inference_id=started.inference_id, tenant_id=TENANT, settlement="completed", model_requested=_MODEL,
        first_model=_MODEL, model_served=_MODEL, server_address=_ADDRESS, attempts=1, accepted_at=now,
        settled_at=now + _CALL, duration_s=_CALL.total_seconds(), reported_by=f"router/{_ROUTER}", last=ended,
    )  # fmt: skip
    return [(ATTEMPTS, started), (OUTCOMES, settled)]


def _started(number: int, now: datetime) -> AttemptStarted:
    considered = CandidateConsidered(model=_MODEL, reason="named by the caller", chosen=True)
    return AttemptStarted(
        inference_id=new_id(), tenant_id=TENANT, attempt_id=new_id(), attempt_number=1, delivery=1, model=_MODEL,
        reason=considered.reason, candidates=(considered,), provider_name=_PROVIDER, request_model="demo",
        model_requested=_MODEL, server_address=_ADDRESS, router_id=_ROUTER, accepted_at=now, started_at=now,
        deadline_at=now + timedelta(seconds=120), request_partition=number % 12, request_offset=number // 12,
    )  # fmt: skip
