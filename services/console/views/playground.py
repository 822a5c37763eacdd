"""A question of the playground as the gateway takes it, and what an inference took."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.console.views.fields import given, number, text, whole
from services.console.views.waterfall import Waterfall, waterfall
from shared.errors import TallygateError


class Asked(NamedTuple):
    """What an inference took. Tokens and dollars are sums over its calls; None when no call told them."""

    inference_id: str
    state: str
    model: str | None
    duration_s: float | None
    first_chunk_s: float | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    waterfall: Waterfall
    is_open: bool


def models_to_ask(fields: Mapping[str, str]) -> list[str]:
    """The chosen model, and the one beside it if there is one. An empty name lets the gateway choose."""
    beside = text(fields, "beside")
    return [text(fields, "model") or "auto", *([beside] if beside else [])]


def chat_of(fields: Mapping[str, str], model: str) -> dict[str, Any]:
    """A body for chat completions. Raises TallygateError (400)."""
    question, system = text(fields, "question"), text(fields, "system")
    if question is None:
        raise TallygateError("invalid_request", "there is nothing to ask: write a message", tips=())
    messages = [{"role": "system", "content": system}] if system else []
    return given(
        {
            "model": model or "auto",
            "messages": [*messages, {"role": "user", "content": question}],
            "temperature": number(fields, "temperature", "The temperature"),
            "max_tokens": whole(fields, "max_tokens", "The most tokens of an answer"),
        }
    )


def asked(timeline: Mapping[str, Any], now: datetime) -> Asked:
    """timeline: of GET /api/inferences/{id}."""
    attempts = timeline["attempts"]
    first = next((attempt for attempt in reversed(attempts) if attempt["outcome"] == "succeeded"), None)
    return Asked(
        timeline["inference_id"],
        timeline["state"],
        timeline["model_served"],
        timeline["duration_s"],
        first["first_chunk_s"] if first else None,
        _sum(attempts, "input_tokens"),
        _sum(attempts, "output_tokens"),
        _sum(attempts, "cost_usd"),
        waterfall(timeline, now),
        timeline["settled_at"] is None,
    )


def _sum(attempts: Sequence[Mapping[str, Any]], name: str) -> Any:
    known = [attempt[name] for attempt in attempts if attempt[name] is not None]
    return sum(known) if known else None
