"""What is asked, and what it took."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.console.views.playground import asked, chat_of, models_to_ask
from shared.errors import TallygateError

NOW = datetime(2026, 11, 30, 9, 1, tzinfo=UTC)


def attempt(started: int, duration_s: float | None, outcome: str | None, **more: Any) -> dict[str, Any]:
    return {
        "attempt_number": 1, "model": "custom:m", "started_at": f"2026-11-30T09:00:0{started}+00:00",
        "duration_s": duration_s, "outcome": outcome, "first_chunk_s": 0.5, "input_tokens": None,
        "output_tokens": None, "cost_usd": None,
        "error": {"error_type": "rate_limited"} if outcome == "failed" else None,
    } | more  # fmt: skip


def timeline(*attempts: dict[str, Any], duration_s: float | None = 4.0) -> dict[str, Any]:
    return {
        "inference_id": "i", "state": "completed", "model_served": "custom:m", "duration_s": duration_s,
        "accepted_at": "2026-11-30T09:00:00+00:00", "settled_at": "2026-11-30T09:00:04+00:00", "attempts": [*attempts],
    }  # fmt: skip


def test_sums_are_over_all_calls_and_nothing_is_made_up() -> None:
    took = asked(timeline(attempt(0, 1.0, "failed", cost_usd=0.1), attempt(1, 1.0, "succeeded", cost_usd=0.2)), NOW)

    assert took.cost_usd == pytest.approx(0.3)
    assert (took.input_tokens, took.first_chunk_s) == (None, 0.5)


def test_a_question_becomes_a_chat() -> None:
    fields = {"question": " hi ", "system": "Be brief.", "temperature": "0", "max_tokens": ""}

    assert chat_of(fields, "custom:m") == {
        "model": "custom:m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
        "temperature": 0.0,
    }
    with pytest.raises(TallygateError, match="nothing to ask"):
        chat_of({"question": "  "}, "")


def test_one_model_is_asked_or_two() -> None:
    assert models_to_ask({"model": "", "beside": ""}) == ["auto"]
    assert models_to_ask({"model": "custom:a", "beside": "custom:b"}) == ["custom:a", "custom:b"]
