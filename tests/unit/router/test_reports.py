from datetime import timedelta
from typing import Any

import orjson
import pytest

from services.router import reports
from services.router.callers import Reply
from services.router.work import FailedCall, Refused
from shared.crypto import KeyRing, SealedContext, open_sealed
from shared.crypto.keys import new_key
from shared.errors import failure
from shared.events import AttemptStarted, ReplyCompleted
from shared.registry import Price
from shared.wire import Completion, CompletionRead, Usage
from tests.unit.router.values import model, work
from tests.unit.shared.events.samples import INFERENCE, NOW, requested

FIRST = model(id="custom:a", endpoint_url="http://gpu:8000/v1", config={"model": "up"})
SECOND = model(id="openai:b", provider_name="openai", endpoint_url="https://host/v1")
LATER = NOW + timedelta(seconds=2)
TOLD = failure("server_error", "gpu:8000 answered 500: boom", upstream_status=500)
COMPLETION = Completion(b'{"choices":[]}', CompletionRead("", "up-2026", ("stop",), Usage(1_000_000, 500_000)))


def started(call: int = 1, place: int = 0, **request: Any) -> AttemptStarted:
    job = work(FIRST, SECOND, **request)
    return reports.attempt_started(job, job.selection.candidates[place], call, "r1", NOW)


def test_a_start_names_the_call_the_request_and_where_it_lies() -> None:
    event = started(reference="a", reply_partition=5, delivery=2)
    assert (event.inference_id, event.tenant_id, event.delivery) == (INFERENCE, "acme", 2)
    assert (event.model, event.request_model, event.model_requested) == ("custom:a", "up", "a")
    assert (event.server_address, event.provider_name, event.router_id) == ("gpu:8000", "openai", "r1")
    assert (event.request_partition, event.request_offset, event.reply_partition) == (3, 42, 5)
    assert (event.accepted_at, event.started_at, event.deadline_at) == (NOW, NOW, NOW + timedelta(seconds=60))


def test_who_asked_is_said_of_every_call_and_of_the_end() -> None:
    """Of calls also by their end, since that may be booked before its start."""
    job = work(FIRST, api_key_id="k1", session="checkout-42", tags={"team": "search"})
    begun = reports.attempt_started(job, job.first, 1, "r1", NOW)
    over = reports.attempt_failed(begun, TOLD, NOW, LATER)
    word = reports.failed(job, "failed", TOLD, over, LATER)
    assert {(said.api_key_id, said.operation_name) for said in (begun, over, word)} == {("k1", "chat")}
    assert (word.session, word.tags) == ("checkout-42", {"team": "search"})


def test_every_start_is_another_attempt() -> None:
    assert started().attempt_id != started().attempt_id


@pytest.mark.parametrize(("made", "call", "number"), [(0, 1, 1), (0, 3, 3), (2, 1, 3), (2, 2, 4)])
def test_attempts_are_numbered_over_all_deliveries(made: int, call: int, number: int) -> None:
    assert started(call, attempts_made=made, delivery=2).attempt_number == number


def test_the_first_start_of_a_delivery_tells_all_that_was_considered() -> None:
    assert [one.model for one in started(1).candidates] == ["custom:a", "openai:b"]
    assert started(2).candidates == ()


@pytest.mark.parametrize(
    ("call", "place", "reason"),
    [(1, 0, "the tenant's own model"), (2, 0, "tried again"), (2, 1, "provider model, as fallback")],
)
def test_a_start_tells_why_this_model_is_called(call: int, place: int, reason: str) -> None:
    assert started(call, place).reason == reason


def test_a_success_is_booked_with_what_the_endpoint_told() -> None:
    start = started()
    event = reports.attempt_succeeded(start, COMPLETION, NOW, LATER)
    assert (event.attempt_id, event.attempt_number, event.model) == (start.attempt_id, 1, "custom:a")
    assert (event.outcome, event.error, event.duration_s) == ("succeeded", None, 2.0)
    assert (event.response_model, event.finish_reasons) == ("up-2026", ("stop",))
    assert (event.started_at, event.ended_at, event.reported_by) == (NOW, LATER, "router/r1")


def test_what_a_call_took_is_booked_with_all_that_is_within_it() -> None:
    price = Price(input_per_mtok_usd=1, output_per_mtok_usd=4)
    usage = Usage(1_000_000, 500_000, 6, 7, 8, 9, 10, cost_usd=3.5)
    assert reports.booked((usage, "reported"), FIRST.model_copy(update={"price": price})) == {
        "input_tokens": 1_000_000, "output_tokens": 500_000, "cache_read_tokens": 6, "cache_write_tokens": 7,
        "reasoning_tokens": 8, "input_audio_tokens": 9, "output_audio_tokens": 10, "usage_state": "reported",
        "cost_usd": 3.0,
    }  # fmt: skip


def test_a_failure_is_booked_with_its_error() -> None:
    event = reports.attempt_failed(started(), TOLD, NOW, LATER)
    assert (event.outcome, event.error, event.cost_usd) == ("failed", TOLD, None)


def test_a_clock_that_went_back_gives_no_negative_duration() -> None:
    assert reports.attempt_failed(started(), TOLD, LATER, NOW).duration_s == 0.0


def test_a_completed_inference_names_who_was_wanted_and_who_served() -> None:
    job = work(FIRST, SECOND, reference="auto", delivery=2, attempts_made=3)
    start = reports.attempt_started(job, job.selection.candidates[1], 2, "r1", NOW)
    event = reports.completed(job, reports.attempt_succeeded(start, COMPLETION, NOW, LATER), LATER)
    assert (event.settlement, event.error) == ("completed", None)
    assert (event.first_model, event.model_served, event.model_requested) == ("custom:a", "openai:b", "auto")
    assert (event.server_address, event.attempts, event.delivery) == ("host:443", 5, 2)
    assert (event.accepted_at, event.settled_at, event.duration_s) == (NOW, LATER, 2.0)
    assert event.reported_by == "router/r1"


def test_a_failed_inference_names_the_error_and_the_last_endpoint() -> None:
    job = work(FIRST, SECOND, attempts_made=1)
    last = reports.attempt_failed(started(1, attempts_made=1), TOLD, NOW, LATER)
    event = reports.failed(job, "failed", TOLD, last, LATER)
    assert (event.settlement, event.error, event.model_served) == ("failed", TOLD, None)
    assert (event.first_model, event.server_address, event.attempts) == ("custom:a", "gpu:8000", 2)


def test_the_last_outcome_travels_in_the_settlement_and_what_came_before_goes_by_itself() -> None:
    first, start = reports.attempt_failed(started(), TOLD, NOW, LATER), started(2)
    last = reports.attempt_failed(start, TOLD, NOW, LATER)
    settled = reports.failed(work(FIRST), "failed", TOLD, last, LATER)
    assert reports.together([first, start, last], settled) == [first, start, settled.model_copy(update={"last": last})]
    assert reports.together([], settled) == [settled]  # what cannot be published is left out, with its outcome


def test_a_refused_inference_counts_the_calls_of_earlier_deliveries() -> None:
    expired = failure("expired", "too late")
    event = reports.refused(Refused(requested(attempts_made=2, delivery=3), "expired", expired, None), "r1", LATER)
    assert (event.settlement, event.error, event.attempts, event.delivery) == ("expired", expired, 2, 3)
    assert (event.first_model, event.model_served, event.reported_by) == (None, None, "router/r1")


def test_a_reply_is_sealed_for_its_tenant_and_inference() -> None:
    ring, job = KeyRing.parse(new_key()), work(FIRST)
    served = reports.attempt_succeeded(started(), COMPLETION, NOW, LATER)
    reply = Reply(ring, reports.reply_completed(reports.completed(job, served, LATER)), COMPLETION.body).event
    assert isinstance(reply, ReplyCompleted)
    context = SealedContext("acme", "reply", str(INFERENCE))
    assert open_sealed(ring, context, reply.sealed_body) == COMPLETION.body
    assert (reply.model_served, reply.attempts) == ("custom:a", 1)


def test_a_failed_reply_lists_every_call_and_its_error() -> None:
    last = reports.attempt_failed(started(), TOLD, NOW, LATER)
    settled = reports.failed(work(FIRST), "failed", TOLD, last, LATER)
    reply = reports.reply_failed(settled, TOLD, (FailedCall(FIRST, TOLD, last),))
    assert (reply.settlement, reply.error, reply.attempts) == ("failed", TOLD, 1)
    assert [one.model_dump() for one in reply.failed_attempts] == [
        {
            "model": "custom:a",
            "error_type": "server_error",
            "upstream_status": 500,
            "detail": "gpu:8000 answered 500: boom",
        }
    ]


def test_no_event_of_a_call_holds_what_the_model_said() -> None:
    completion = Completion(b'{"choices":["opensesame"]}', CompletionRead("opensesame"))
    served = reports.attempt_succeeded(started(), completion, NOW, LATER)
    settled = reports.completed(work(FIRST), served, LATER)
    assert b"opensesame" not in served.encoded() + settled.encoded()
    assert orjson.loads(served.encoded())["outcome"] == "succeeded"


def test_the_first_chunk_came_before_the_end_whatever_the_clocks_say() -> None:
    took = {"streamed": True, "first_chunk_s": 1e6}
    over = reports.attempt_failed(started(), TOLD, NOW, LATER, took)
    assert over.first_chunk_s == over.duration_s
