"""Pure: inferences in the background as the API lists them."""

from datetime import datetime
from typing import Any

import asyncpg

from shared.events import ReplyFailed
from shared.inferences import reply_of
from shared.inferences.store import StoredResult


def listed_background(row: asyncpg.Record) -> dict[str, Any]:
    """row: of `BackgroundStore.page`."""
    failed = _failed(row)
    return {
        "inference_id": str(row["inference_id"]),
        "operation": row["operation"],
        "state": _state(row, failed),
        "error_type": None if failed is None else failed.error.error_type,
        "streamed": row["streamed"],
        "accepted_at": row["accepted_at"].isoformat(),
        "deadline_at": row["deadline_at"].isoformat(),
        "ended_at": _instant(row["ended_at"]),
        "result_kept_until": row["kept_until"].isoformat(),
    }


def _state(row: asyncpg.Record, failed: ReplyFailed | None) -> str | None:
    if failed is not None:
        return failed.settlement
    if row["ce_type"] is not None:
        return "completed"
    return "open" if row["ended_at"] is None else None


def _failed(row: asyncpg.Record) -> ReplyFailed | None:
    if row["failed"] is None:
        return None
    reply = reply_of(StoredResult(row["inference_id"], row["tenant_id"], row["ce_type"], row["failed"]))
    return reply if isinstance(reply, ReplyFailed) else None


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
