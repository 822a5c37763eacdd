"""Queries about inferences in the background."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from services.gateway.bodies import Query


class BackgroundQuery(Query):
    """GET /api/inferences/background; cursor: the `next_cursor` of the last answer."""

    state: Literal["open", "ended"] | None = None
    limit: int = Field(default=50, ge=1, le=200)
    cursor: UUID | None = None
