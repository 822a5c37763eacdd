"""Answers of a gateway, in the shapes that it promises, with words in them that would do harm as HTML."""

from typing import Any
from uuid import UUID

ID = str(UUID(int=0x019A0000000070008000000000000001))
HARM = "<script>alert(1)</script>"
ESCAPES = "red \x1b[31m and turned \u202e"
_TOLD = {
    "from": "2026-11-30T08:00:00+00:00",
    "to": "2026-11-30T09:00:00+00:00",
    "as_of": "2026-11-30T09:00:00+00:00",
    "lag_s": 0.2,
}


def summary(total: int = 10) -> dict[str, Any]:
    failed = total // 5
    return _TOLD | {
        "requests": {
            "total": total, "succeeded": total - failed, "failed": failed, "rejected": 0, "fallbacks": 1,
            "failure_rate": 0.2 if total else 0.0, "by_model": {}, "by_endpoint": {}, "by_error_type": {},
        },
        "attempts": {"total": total + 1, "succeeded": total - failed, "failed": failed, "open": 0, "by_error_type": {}},
        "performance": {"average_s": 0.9, "p50_s": 0.62, "p95_s": 2.1, "p99_s": 4.7},
        "tokens": {"input": 900, "output": 300},
        "usage": {"reported": total, "estimated": 0, "unknown": 1},
        "costs": {"custom_usd": 12.3, "provider_usd": 4.5, "savings_usd": 31.2, "savings_percent": 64.9},
        "health": {"status": "degraded", "issues": [f"custom:{HARM}: slow"]},
        "errors": [
            {
                "at": "2026-11-30T08:30:00+00:00", "inference_id": ID, "attempt_id": None, "model": f"custom:{HARM}",
                "error_type": "read_timeout", "detail": ESCAPES, "tips": ["Wait."],
            }
        ],
        "features": {},
    }  # fmt: skip


def timeseries(*groups: str | None, values: tuple[float | None, ...] = (1, 0, 3), step: str = "1m") -> dict[str, Any]:
    times = [f"2026-11-30T08:{minute:02}:00+00:00" for minute in range(len(values))]
    series = [{"group": group, "points": list(zip(times, values, strict=True))} for group in groups]
    return _TOLD | {"series": series, "step": step}


def attempt(number: int, outcome: str | None = "succeeded", **more: Any) -> dict[str, Any]:
    error = {"error_type": "read_timeout", "detail": ESCAPES, "tips": [f"Do {HARM}."]}
    return {
        "attempt_id": ID, "attempt_number": number, "model": f"custom:{HARM}", "server_address": "10.0.0.7:8000",
        "reason": "the first choice", "router": "router-0", "started_at": "2026-11-30T08:00:01+00:00",
        "duration_s": None if outcome is None else 2.0, "outcome": outcome, "response_model": None,
        "input_tokens": None, "output_tokens": None, "cache_read_tokens": None, "cache_write_tokens": None,
        "usage": None, "cost_usd": None, "streamed": False, "first_chunk_s": None, "chunks": None,
        "error": error if outcome == "failed" else None,
    } | more  # fmt: skip


def inference(*attempts: dict[str, Any], state: str = "completed", **more: Any) -> dict[str, Any]:
    is_open = state in ("accepted", "running")
    return {
        "inference_id": ID, "state": state, "accepted_at": "2026-11-30T08:00:00+00:00",
        "settled_at": None if is_open else "2026-11-30T08:00:10+00:00", "duration_s": None if is_open else 10.0,
        "booked_at": None if is_open else "2026-11-30T08:00:10.2+00:00",
        "delivery": 1, "operation": "chat", "key": "ci", "session": "s-1", "tags": {"team": HARM},
        "trace_id": "0af7651916cd43dd8448eb211c80319c", "model_requested": "auto",
        "model_served": None if is_open else f"custom:{HARM}",
        "candidates": [{"model": f"custom:{HARM}", "reason": ESCAPES, "chosen": True}],
        "attempts": list(attempts), "error": None,
    } | more  # fmt: skip


def listed(*items: dict[str, Any], next_cursor: str | None = None) -> dict[str, Any]:
    return _TOLD | {"items": list(items), "next_cursor": next_cursor}


def item(state: str = "completed", **more: Any) -> dict[str, Any]:
    return {
        "inference_id": ID, "state": state, "operation": "chat", "accepted_at": "2026-11-30T08:00:00+00:00",
        "settled_at": None, "model_requested": "auto", "model_served": f"custom:{HARM}", "attempts": 1,
        "error_type": None, "duration_s": 1.0, "first_chunk_s": None,
        "usage": {"input_tokens": 812, "output_tokens": 233, "state": "estimated"}, "cost_usd": 0.0021,
        "key": "ci", "session": HARM, "tags": {"team": HARM},
    } | more  # fmt: skip


def error_group(count: int = 3, **more: Any) -> dict[str, Any]:
    return {
        "error_type": "read_timeout", "model": f"custom:{HARM}", "endpoint": "10.0.0.7:8000", "cause": "timeout",
        "count": count, "first_seen": "2026-11-30T08:00:00+00:00", "last_seen": "2026-11-30T08:30:00+00:00",
        "detail": ESCAPES, "tips": [f"Do {HARM}."], "sample_inference_ids": [ID], "keys": ["ci"], "more_keys": False,
    } | more  # fmt: skip


def errors(*groups: dict[str, Any]) -> dict[str, Any]:
    return _TOLD | {"groups": list(groups), "more_groups": 0, "total": sum(group["count"] for group in groups)}


_SESSION = {
    "requests": 3, "failures": 1, "attempts": 4, "input_tokens": 900, "output_tokens": 100, "cost_usd": 0.5,
    "first_at": "2026-11-30T08:00:00+00:00", "last_at": "2026-11-30T08:30:00+00:00",
}  # fmt: skip


def sessions(*names: str, others: bool = False) -> dict[str, Any]:
    told = [{"session": name} | _SESSION for name in names]
    return _TOLD | {"sessions": told, "others": _SESSION | {"cost_usd": 2.0} if others else None}


def capped(session: str) -> dict[str, Any]:
    used = {"usd": 1.25, "calls": 200, "tokens": 12_000}
    times = {"since": "2026-11-30T08:00:00+00:00", "until": "2026-12-30T08:00:00+00:00"}
    cap = {"session": session, "usd": 5.0, "calls": 200, "tokens": None, "used": used, "used_up": ["calls"]} | times
    return {"sessions": [cap], "total": 1}


TENANT = {
    "tenant": "acme", "plan": None, "own_terms": {}, "keys": 1, "models": 1, "created_at": "2026-01-01T00:00:00Z",
    "terms": {"usd_per_day": 20.0, "usd_per_month": None, "tokens_per_day": None, "tokens_per_month": 1_000_000},
    "spent": {"day": "2026-11-30", "usd_day": 16.8, "usd_month": 212.4, "tokens_day": 10, "tokens_month": 1_200_000,
              "as_of": "2026-11-30T09:00:00Z"},
}  # fmt: skip
