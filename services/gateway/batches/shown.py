"""Pure: a batch as the API shows it."""

from datetime import datetime
from typing import Any

import asyncpg

from shared.batches import LAST_STATES, batch_name
from shared.files import file_name_of


def shown_batch(row: asyncpg.Record) -> dict[str, Any]:
    """The files are told when the batch is settled: before, they grow."""
    status, settled = row["status"], row["settled_at"]
    errors = row["errors"]
    return {
        "id": batch_name(row["batch_id"]),
        "object": "batch",
        "endpoint": row["endpoint"],
        "errors": {"object": "list", "data": errors} if errors else None,
        "input_file_id": file_name_of(row["input_file_id"]),
        "completion_window": row["completion_window"],
        "status": status,
        "output_file_id": _file(row["output_file_id"], settled),
        "error_file_id": _file(row["error_file_id"], settled),
        "created_at": _instant(row["created_at"]),
        "in_progress_at": _instant(row["in_progress_at"]),
        "expires_at": _instant(row["expires_at"]),
        "finalizing_at": _instant(row["finalizing_at"]),
        "cancelling_at": _instant(row["cancelling_at"]),
        **{f"{state}_at": _instant(settled) if status == state else None for state in LAST_STATES},
        "request_counts": {"total": row["total"], "completed": row["completed"], "failed": row["failed"]},
        "metadata": row["metadata"],
        "waiting_for": row["waiting"],
        "session": row["session"],
    }


def _file(file_id: Any, settled: datetime | None) -> str | None:
    return None if file_id is None or settled is None else file_name_of(file_id)


def _instant(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
