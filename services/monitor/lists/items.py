"""Pure: from rows of the books to the items of GET /api/inferences."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.monitor.lists.page import Row


def item(inference: Row, calls: Row | None) -> dict[str, Any]:
    """calls: what its calls came to; None: it has none."""
    of_calls: Mapping[str, Any] = calls or {}
    return {
        "inference_id": str(inference["inference_id"]),
        "state": inference["state"],
        "operation": inference["operation_name"],
        "accepted_at": inference["accepted_at"].isoformat(),
        "settled_at": _iso(inference["settled_at"]),
        "duration_s": inference["duration_s"],
        "model_requested": inference["model_requested"],
        "model_served": inference["model_served"],
        "attempts": attempts(inference, calls),
        "error_type": inference["error_type"],
        "first_chunk_s": of_calls.get("first_chunk_s"),
        "usage": usage(of_calls) if calls else None,
        "cost_usd": of_calls.get("cost_usd"),
        "key": inference["key_id"],
        "session": inference["session"],
        "tags": inference["tags"] or {},
    }


def attempts(inference: Row, calls: Row | None) -> int:
    """As its settlement says; until then, as many as have begun."""
    told: int | None = inference["attempts"]
    if told is not None:
        return told
    begun: int = calls["calls"] if calls else 0
    return begun


def usage(call: Row) -> dict[str, Any] | None:
    """None while the call is open."""
    if call["outcome"] is None:
        return None
    tokens = {name: call[name] for name in ("input_tokens", "output_tokens")}
    # What was booked before streams were has no state of its own: then only endpoints told tokens.
    before = "unknown" if tokens["input_tokens"] is tokens["output_tokens"] is None else "reported"
    return tokens | {"state": call["usage_state"] or before}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
