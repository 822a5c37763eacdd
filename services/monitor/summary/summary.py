"""Pure: from rows of the books to the answer of GET /api/models/custom/monitoring."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import structlog

from services.monitor.rollups.health import ModelCalls, ThresholdsOfModel, judge
from services.monitor.rollups.latency import Histogram, percentile
from shared.registry import Price
from shared.registry.models import CUSTOM_PREFIX
from shared.registry.prices import model_facts

logger = structlog.get_logger(__name__)

Row = Mapping[str, Any]
# What was accepted and did not succeed has failed; what was rejected was never accepted.
_COUNTED_AS = {"completed": "succeeded", "rejected": "rejected"}
_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
_SHOWN_TOKENS = (*_TOKENS, "reasoning_tokens")
_USAGE = ("reported", "estimated", "unknown")


class BookRows(NamedTuple):
    """What was read from the books for one summary, of the span that was really read.

    requests: counts by model, endpoint, settlement and error type. latency: of those that were completed, by bucket of
    their duration; duration_s: of all of them together. attempts: sums of calls that have ended, by model, outcome,
    error type and step of the price. first_chunk: of the streamed ones, by bucket of the time to the first chunk that
    held content; per_chunk: of the time from one such chunk to the next. open_attempts: calls that have not ended.
    errors: the last ones.
    """

    since: datetime
    until: datetime
    requests: Sequence[Row]
    latency: Histogram
    duration_s: float
    attempts: Sequence[Row]
    first_chunk: Histogram
    per_chunk: Histogram
    open_attempts: int
    errors: Sequence[Row]


def reference_price(reference: str) -> Price | None:
    """The price of `<provider>:<model>`, which savings are measured against; None when it is empty or not known."""
    provider, _, model = reference.partition(":")
    if not model:
        return None
    price = model_facts(provider, model).price
    if price is None:
        logger.warning("prices.unknown_reference", reference=reference)
    return price


def summarize(
    rows: BookRows, now: datetime, lag_s: float, reference: Price | None, thresholds: ThresholdsOfModel
) -> dict[str, Any]:
    """thresholds: by which a model's health is judged."""
    health = judge(_calls_by_model(rows.attempts, thresholds), lag_s)
    return {
        "requests": _requests(rows.requests),
        "attempts": _attempts(rows.attempts, rows.open_attempts),
        "performance": _performance(rows),
        "tokens": {name.removesuffix("_tokens"): sum(row[name] for row in rows.attempts) for name in _SHOWN_TOKENS},
        "usage": {state: sum(row[state] for row in rows.attempts) for state in _USAGE},
        "costs": _costs(rows.attempts, reference),
        "health": {"status": health.status, "issues": list(health.issues)},
        "errors": [_error(row) for row in rows.errors],
        "from": rows.since.isoformat(),
        "to": min(rows.until, now).isoformat(),
        "as_of": now.isoformat(),
        "lag_s": round(lag_s, 3),
    }


def _requests(rows: Sequence[Row]) -> dict[str, Any]:
    by_settlement: Counter[str] = Counter()
    by_model: dict[str, Counter[str]] = defaultdict(Counter)
    by_endpoint: Counter[str] = Counter()
    by_error: Counter[str] = Counter()
    for row in rows:
        n = row["n"]
        by_settlement[row["settlement"]] += n
        by_model[row["model"]].update(total=n, **{_COUNTED_AS.get(row["settlement"], "failed"): n})
        if row["server_address"]:
            by_endpoint[row["server_address"]] += n
        if row["error_type"]:
            by_error[row["error_type"]] += n
    total, completed = by_settlement.total(), by_settlement["completed"]
    rejected = by_settlement["rejected"]
    failed = total - completed - rejected
    return {
        "total": total,
        "succeeded": completed,
        "failed": failed,
        "rejected": rejected,
        "expired": by_settlement["expired"],
        "cancelled": by_settlement["cancelled"],
        "fallbacks": sum(row["fallbacks"] for row in rows),
        "failure_rate": round(failed / total, 6) if total else 0.0,
        "by_model": {
            model: {name: counts[name] for name in ("total", "succeeded", "failed", "rejected")}
            for model, counts in by_model.items()
        },
        "by_endpoint": dict(by_endpoint),
        "by_error_type": dict(by_error),
    }


def _attempts(rows: Iterable[Row], open_attempts: int) -> dict[str, Any]:
    by_outcome: Counter[str] = Counter()
    by_error: Counter[str] = Counter()
    for row in rows:
        by_outcome[row["outcome"]] += row["n"]
        if row["error_type"]:
            by_error[row["error_type"]] += row["n"]
    return {
        "total": by_outcome.total() + open_attempts,
        "succeeded": by_outcome["succeeded"],
        "failed": by_outcome["failed"],
        "open": open_attempts,
        "by_error_type": dict(by_error),
    }


def _performance(rows: BookRows) -> dict[str, float]:
    """Percentiles are the middle of a bucket: at most 4.4 % off. The average is exact."""
    completed = sum(rows.latency.values())
    values = {"average_s": rows.duration_s / completed if completed else 0.0}
    values |= _percentiles("", rows.latency)
    values |= _percentiles("first_chunk_", rows.first_chunk) | _percentiles("per_chunk_", rows.per_chunk)
    return {name: round(value, 6) for name, value in values.items()}


def _percentiles(of: str, histogram: Histogram) -> dict[str, float]:
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {f"{of}{name}_s": percentile(histogram, share) or 0.0 for name, share in shares.items()}


def _costs(rows: Iterable[Row], reference: Price | None) -> dict[str, float]:
    """Savings: what the custom models' tokens would have cost at the reference, less what they cost."""
    custom = provider = would_have_cost = 0.0
    for row in rows:
        if row["model"].startswith(CUSTOM_PREFIX):
            custom += row["cost_usd"]
            if reference is not None and row["outcome"] == "succeeded":
                would_have_cost += _cost_usd(row, reference)
        else:
            provider += row["cost_usd"]
    savings = max(0.0, would_have_cost - custom)
    return {
        "custom_usd": round(custom, 6),
        "provider_usd": round(provider, 6),
        "savings_usd": round(savings, 6),
        "savings_percent": round(100 * savings / would_have_cost, 2) if would_have_cost else 0.0,
    }


def _cost_usd(calls: Row, price: Price) -> float:
    """The calls of a row are between the same steps of the price, so the mean call tells what all of them cost."""
    n: int = calls["n"]
    return n * price.cost_usd(*(calls[name] / n for name in _TOKENS))


def _calls_by_model(rows: Iterable[Row], thresholds: ThresholdsOfModel) -> list[ModelCalls]:
    succeeded: Counter[str] = Counter()
    errors: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row["outcome"] == "succeeded":
            succeeded[row["model"]] += row["n"]
        if row["error_type"]:
            errors[row["model"]][row["error_type"]] += row["n"]
    return [
        ModelCalls.counted(model, succeeded[model], errors[model], thresholds(model))
        for model in sorted(succeeded.keys() | errors)
    ]


def _error(row: Row) -> dict[str, Any]:
    error = row["error"] or {}
    return {
        "at": row["at"].isoformat(),
        "inference_id": str(row["inference_id"]),
        "attempt_id": str(row["attempt_id"]) if row["attempt_id"] else None,
        "model": row["model"],
        "error_type": error.get("error_type"),
        "detail": error.get("detail"),
        "tips": error.get("tips", []),
    }
