import orjson
import pytest

from services.monitor.books.books import fold
from services.monitor.summary.timeline import timeline
from shared.errors import failure
from tests.unit.shared.events.samples import ATTEMPT, INFERENCE, ended, settled, started

CANDIDATES = [{"model": "custom:m", "reason": "named by the request", "chosen": True}]
TOLD = failure("server_error", "h:80 answered 500: boom", upstream_status=500)


def told(*events: object) -> dict[str, object]:
    books = fold(events)  # type: ignore[arg-type]
    return timeline(books.inferences[INFERENCE], list(books.attempts.values()))


def test_a_running_inference_has_an_open_attempt() -> None:
    assert told(started(candidates=CANDIDATES, model_requested="m", api_key_id="k1")) == {
        "inference_id": str(INFERENCE),
        "state": "running",
        "accepted_at": "2026-11-23T12:00:00+00:00",
        "settled_at": None,
        "booked_at": None,
        "duration_s": None,
        "delivery": 1,
        "operation": "chat",
        "key": "k1",
        "session": None,
        "tags": {},
        "trace_id": None,
        "model_requested": "m",
        "model_served": None,
        "candidates": CANDIDATES,
        "attempts": [
            {
                "attempt_id": str(ATTEMPT),
                "attempt_number": 1,
                "model": "custom:m",
                "server_address": "h:80",
                "reason": "named by the request",
                "router": "r1",
                "started_at": "2026-11-23T12:00:01+00:00",
                "duration_s": None,
                "outcome": None,
                "response_model": None,
                "input_tokens": None,
                "output_tokens": None,
                "cache_read_tokens": None,
                "cache_write_tokens": None,
                "usage": None,
                "cost_usd": None,
                "streamed": None,
                "first_chunk_s": None,
                "chunks": None,
                "error": None,
            }
        ],
        "error": None,
    }


def test_a_settled_inference_tells_how_it_ended() -> None:
    shown = told(started(), ended(input_tokens=3, output_tokens=4, cost_usd=0.5, response_model="up"), settled())
    assert (shown["state"], shown["settled_at"]) == ("completed", "2026-11-23T12:00:03+00:00")
    assert (shown["model_served"], shown["duration_s"]) == ("custom:m", 3.0)
    attempts = shown["attempts"]
    assert isinstance(attempts, list)
    assert {name: attempts[0][name] for name in ("outcome", "duration_s", "input_tokens", "output_tokens", "cost_usd",
                                                 "response_model")} == {
        "outcome": "succeeded", "duration_s": 1.0, "input_tokens": 3, "output_tokens": 4, "cost_usd": 0.5,
        "response_model": "up",
    }  # fmt: skip


def test_what_was_cached_is_shown() -> None:
    attempts = told(started(), ended(input_tokens=30, cache_read_tokens=20, cache_write_tokens=5))["attempts"]
    assert isinstance(attempts, list)
    assert (attempts[0]["cache_read_tokens"], attempts[0]["cache_write_tokens"]) == (20, 5)


def test_of_a_stream_is_told_when_it_began_how_much_came_and_who_counted_the_tokens() -> None:
    cut = ended(
        outcome="failed", error=TOLD, streamed=True, first_chunk_s=0.25, chunks=7, input_tokens=3, output_tokens=4,
        reasoning_tokens=2, usage_state="estimated", cost_usd=0.5,
    )  # fmt: skip
    attempts = told(started(), cut)["attempts"]
    assert isinstance(attempts, list)
    assert [attempts[0][name] for name in ("streamed", "first_chunk_s", "chunks", "cost_usd")] == [True, 0.25, 7, 0.5]
    assert attempts[0]["usage"] == {
        "input_tokens": 3, "output_tokens": 4, "cache_read_tokens": 0, "cache_write_tokens": 0, "reasoning_tokens": 2,
        "input_audio_tokens": 0, "output_audio_tokens": 0, "state": "estimated", "cost_usd": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize(("tokens", "state"), [(3, "reported"), (None, "unknown")])
def test_who_counted_the_tokens_is_known_of_what_was_booked_before_streams_were(tokens: int | None, state: str) -> None:
    books = fold([started(), ended(input_tokens=tokens)])
    row = books.attempts[ATTEMPT] | {"usage_state": None}
    assert timeline(books.inferences[INFERENCE], [row])["attempts"][0]["usage"]["state"] == state


def test_errors_are_shown_as_they_were_told() -> None:
    shown = told(started(), ended(outcome="failed", error=TOLD), settled(settlement="failed", error=TOLD))
    expected = TOLD.model_dump(mode="json", exclude_none=True)
    assert (shown["state"], shown["error"]) == ("failed", expected)
    attempts = shown["attempts"]
    assert isinstance(attempts, list)
    assert (attempts[0]["outcome"], attempts[0]["error"]) == ("failed", expected)


def test_an_inference_that_no_model_was_called_for_has_no_attempts() -> None:
    shown = told(settled(settlement="expired", attempts=0))
    assert (shown["state"], shown["attempts"], shown["candidates"]) == ("expired", [], [])


def test_a_timeline_can_be_written_as_json() -> None:
    assert orjson.dumps(told(started(), ended(), settled()))
