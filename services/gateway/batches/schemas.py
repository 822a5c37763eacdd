"""Bodies and queries about batches, in OpenAI's words."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.gateway.bodies import Query
from services.gateway.responses.schemas import Metadata
from shared.batches import Endpoint, Status

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}
MOST_WINDOW = timedelta(days=7)


class OutputExpiry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    anchor: Literal["created_at"]
    seconds: int = Field(ge=3600, le=2_592_000)


class BatchCreate(BaseModel):
    """POST /v1/batches. completion_window: `24h`, or any hours (`1h`) or days (`7d`) up to 7 days."""

    model_config = ConfigDict(extra="forbid", strict=True)

    input_file_id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    endpoint: Endpoint
    completion_window: Annotated[
        str, StringConstraints(max_length=4, pattern=r"^([1-9][0-9]?|1[0-5][0-9]|16[0-8])h$|^[1-7]d$")
    ]
    metadata: Metadata | None = None
    output_expires_after: OutputExpiry | None = None

    @property
    def window(self) -> timedelta:
        return int(self.completion_window[:-1]) * _UNITS[self.completion_window[-1]]


class BatchesQuery(Query):
    """GET /v1/batches; after: the id of the last batch of the page before. status: only those that have it; ours."""

    limit: int = Field(default=20, ge=1, le=100)
    after: Annotated[str, StringConstraints(max_length=100)] | None = None
    status: Status | None = None
