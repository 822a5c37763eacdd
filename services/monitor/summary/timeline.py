"""Pure: from rows of the books to the answer of GET /api/inferences/{inference_id}."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]

_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
           "input_audio_tokens", "output_audio_tokens")  # fmt: skip


def timeline(inference: Row, attempts: Sequence[Row]) -> dict[str, Any]:
    return {
        "inference_id": str(inference["inference_id"]),
        "state": inference["settlement"] or ("accepted" if inference["router_id"] is None else "running"),
        "accepted_at": _iso(inference["accepted_at"]),
        "settled_at": _iso(inference["settled_at"]),
        "booked_at": _iso(inference.get("settlement_booked_at")),
        "duration_s": inference["duration_s"],
        "delivery": inference["delivery"],
        "operation": inference["operation_name"],
        "key": inference["key_id"],
        "session": inference["session"],
        "tags": inference["tags"] or {},
        "trace_id": inference["trace_id"].hex if inference["trace_id"] else None,
        "model_requested": inference["model_requested"],
        "model_served": inference["model_served"],
        "candidates": inference["candidates"] or [],
        "attempts": [_attempt(row) for row in attempts],
        "error": inference["error"],
    }


def _attempt(row: Row) -> dict[str, Any]:
    return {
        "attempt_id": str(row["attempt_id"]),
        "attempt_number": row["attempt_number"],
        "model": row["model"],
        "server_address": row["server_address"],
        "reason": row["reason"],
        "router": row["router_id"],
        "started_at": _iso(row["started_at"]),
        "duration_s": row["duration_s"],
        "outcome": row["outcome"],
        "response_model": row["response_model"],
        "input_tokens": row["input_tokens"],
        "output_tokens": row["output_tokens"],
        "cache_read_tokens": row["cache_read_tokens"],
        "cache_write_tokens": row["cache_write_tokens"],
        "usage": _usage(row),
        "cost_usd": row["cost_usd"],
        "streamed": row["streamed"],
        "first_chunk_s": row["first_chunk_s"],
        "chunks": row["chunks"],
        "error": row["error"],
    }


def _usage(row: Row) -> dict[str, Any] | None:
    """None while the call is open."""
    if row["outcome"] is None:
        return None
    # What was booked before streams were has no state of its own: then only endpoints told tokens.
    before = "unknown" if row["input_tokens"] is row["output_tokens"] is None else "reported"
    return {name: row[name] for name in _TOKENS} | {
        "state": row["usage_state"] or before,
        "cost_usd": row["cost_usd"],
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
