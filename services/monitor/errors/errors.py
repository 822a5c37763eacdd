"""Pure: from rows of the sums to the answer of GET /api/monitoring/errors."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from services.monitor.rollups.error_sums.store import KEYS_TOLD
from shared.errors import CATALOGUE, ErrorType
from shared.errors.failures import worded_tips

MOST_GROUPS = 100

Row = Mapping[str, Any]


def told(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Where the rows of a group's samples are gone, its detail is null, and the tips are those of the type."""
    return [_group(row) for row in rows]


def _group(row: Row) -> dict[str, Any]:
    """keys: most affected first; `more_keys` when there are others."""
    error = row["error"] or {}
    keys = sorted(row["keys"].items(), key=lambda met: (-met[1], met[0]))
    return {
        "error_type": row["error_type"],
        "model": row["model"],
        "endpoint": row["server_address"],
        "cause": row["cause"],
        "count": row["n"],
        "first_seen": row["first_at"].isoformat(),
        "last_seen": row["last_at"].isoformat(),
        "detail": error.get("detail"),
        "tips": error["tips"] if "tips" in error else _tips(row),
        "sample_inference_ids": [str(inference_id) for inference_id in row["samples"]],
        "keys": [key for key, _ in keys[:KEYS_TOLD] if key],
        "more_keys": len(keys) > KEYS_TOLD,
    }


def _tips(row: Row) -> list[str]:
    kind = CATALOGUE.get(cast(ErrorType, row["error_type"]))
    return list(worded_tips(kind, row["model"], row["server_address"])) if kind else []
