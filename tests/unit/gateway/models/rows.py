"""Rows of gateway.custom_models, as the database gives them."""

from datetime import UTC, datetime
from typing import Any, cast

import asyncpg

from services.gateway.models.store import StoredModel

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def row(model: StoredModel) -> asyncpg.Record:
    fields: dict[str, Any] = model._asdict() | {"created_at": NOW, "updated_at": NOW}
    return cast(asyncpg.Record, fields)
