"""Pure: webhooks and deliveries as the API shows them; never a secret."""

from datetime import datetime
from typing import Any

import asyncpg
import orjson


def shown_webhook(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": str(row["webhook_id"]),
        "url": row["url"],
        "events": row["events"],
        "name": row["name"],
        "enabled": row["disabled_at"] is None,
        "disabled_at": _instant(row["disabled_at"]),
        "disabled_because": row["disabled_because"],
        "waiting": row["waiting"],
        "delivered_at": _instant(row["delivered_at"]),
        "failing_since": _instant(row["failing_since"]),
        "rests_until": _instant(row["rests_until"]),
        "dropped": row["dropped"],
        "dropped_at": _instant(row["dropped_at"]),
        "old_secret_until": _instant(row["old_secret_until"]),
        "created_at": _instant(row["created_at"]),
    }


def shown_delivery(row: asyncpg.Record) -> dict[str, Any]:
    """next_try_at: not before then; None when there will be none."""
    waits = row["taken"] is None
    return {
        "id": str(row["delivery_id"]),
        "type": row["type"],
        "state": "waiting" if waits else "delivered" if row["taken"] else "failed",
        "accepted_at": _instant(row["accepted_at"]),
        "next_try_at": _instant(row["due_at"]) if waits else None,
        "settled_at": _instant(row["settled_at"]),
        "tries": row["tries"],
    }


def shown_with_body(row: asyncpg.Record) -> dict[str, Any]:
    return shown_delivery(row) | {"body": orjson.loads(row["body"])}


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
