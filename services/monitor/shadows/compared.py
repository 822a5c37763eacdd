"""Pure: from pairs of a request and its copy to the answer of GET /api/monitoring/shadows."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from services.monitor.rollups.latency import percentile

Row = Mapping[str, Any]


def told(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """For each model that was asked and each model that got copies of its requests: both, side by side."""
    return [
        {
            "model": row["model"],
            "shadow_model": row["shadow_model"],
            "pairs": row["pairs"],
            "original": _side(row, "original"),
            "shadow": _side(row, "shadow"),
        }
        for row in rows
    ]


def _side(row: Row, name: str) -> dict[str, Any]:
    completed, durations = row[f"{name}_completed"], Counter(row[f"{name}_buckets"] or ())
    first_chunks = Counter(row[f"{name}_first_buckets"] or ())
    return {
        "completed": completed,
        "failed": row["pairs"] - completed,
        "by_error_type": dict(Counter(row[f"{name}_errors"] or ())),
        "average_s": row[f"{name}_duration_s"] / completed if completed else None,
        "p50_s": percentile(durations, 0.5),
        "p95_s": percentile(durations, 0.95),
        "first_chunk_p50_s": percentile(first_chunks, 0.5),
        "first_chunk_p95_s": percentile(first_chunks, 0.95),
        "cost_usd": row[f"{name}_usd"],
        "input_tokens": row[f"{name}_input_tokens"],
        "output_tokens": row[f"{name}_output_tokens"],
    }
