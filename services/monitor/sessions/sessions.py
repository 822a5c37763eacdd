"""Pure: from rows of the sums to the answer of GET /api/monitoring/sessions."""

from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]


def told(rows: Iterable[Row]) -> dict[str, Any]:
    """sessions: in the order of the rows; others: of those without a row of their own together, or None."""
    found = [(row["session"], _figures(row)) for row in rows]
    others = next((figures for session, figures in found if not session), None)
    return {"sessions": [{"session": session} | figures for session, figures in found if session], "others": others}


def _figures(row: Row) -> dict[str, Any]:
    return {
        "requests": row["requests"],
        "failures": row["failures"],
        "attempts": row["calls"],
        "input_tokens": row["input_tokens"],
        "output_tokens": row["output_tokens"],
        "cost_usd": row["usd"],
        "first_at": row["first_at"].isoformat(),
        "last_at": row["last_at"].isoformat(),
    }
