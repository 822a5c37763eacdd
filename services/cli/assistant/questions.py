"""What the tools may be asked: their input schemas."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1, max_length=300)]
Time = Annotated[str, Field(max_length=40)]
Measure = Literal[
    "requests", "failures", "attempts", "failed_attempts", "tokens", "cost", "p50", "p95", "p99", "first_chunk_p50",
    "first_chunk_p95", "first_chunk_p99", "per_chunk_p50", "per_chunk_p95", "per_chunk_p99",
]  # fmt: skip
Group = Literal["model", "error_type", "key", "operation"]
Step = Literal["1m", "5m", "1h", "1d"]
State = Literal["accepted", "running", "completed", "failed", "rejected", "expired", "cancelled"]

MOST_ITEMS = 50
_ERROR_TYPE = "Of the catalogue: rate_limited, connect_timeout, ..."
_CURSOR = "Go on: the next_cursor of the page before, with all else as it was."


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def query(self, **more: str) -> dict[str, str]:
        """As the gateway takes it; `cursor` and `limit` are told by who asks page by page."""
        said = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"cursor", "limit"})
        return {name: str(value) for name, value in said.items()} | more


class OfSpan(Question):
    """Without window, from and to: the last hour."""

    window: Annotated[str, Field(max_length=20, description="How far back: 15m, 1h, 7d, at most 400d.")] | None = None
    since: Annotated[Time | None, Field(alias="from", description="RFC 3339 with a zone, or a date in UTC.")] = None
    until: Annotated[Time | None, Field(alias="to", description="As from; without it until now.")] = None


class OfSums(OfSpan):
    model: Annotated[Text | None, Field(description="Only this model: custom:<name> or <provider>:<name>.")] = None
    operation: Annotated[Text | None, Field(description="Only this one: chat, embeddings, ...")] = None
    key: Annotated[Text | None, Field(description="Only what the API key of this id asked for.")] = None


class OfSeries(OfSums):
    measure: Measure
    group: Annotated[Group | None, Field(description="A series for each; without it one of everything.")] = None
    step: Annotated[Step | None, Field(description="Between two values; without it as the span makes sense.")] = None
    cursor: Annotated[Text | None, Field(description=_CURSOR)] = None


class OfSpending(OfSums):
    group: Annotated[Literal["model", "key", "operation"], Field(description="By what it is summed up.")] = "model"
    step: Annotated[Literal["1h", "1d"], Field(description="Between two values.")] = "1d"
    cursor: Annotated[Text | None, Field(description=_CURSOR)] = None


class OfErrors(OfSums):
    error_type: Annotated[Text | None, Field(description=_ERROR_TYPE)] = None
    cursor: Annotated[Text | None, Field(description=_CURSOR)] = None


class OfHealth(OfSpan):
    model: Annotated[Text | None, Field(description="Only this model.")] = None
    limit: Annotated[int, Field(ge=1, le=MOST_ITEMS, description="Changes in a page, at most.")] = 20
    cursor: Annotated[Text | None, Field(description=_CURSOR)] = None


class OfInferences(OfSums):
    state: State | None = None
    error_type: Annotated[Text | None, Field(description=_ERROR_TYPE)] = None
    session: Annotated[Text | None, Field(description="As callers sent it in x-tallygate-session.")] = None
    tag: Annotated[
        Text | None, Field(description="name=value, as in x-tallygate-tags; of several with commas all.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=MOST_ITEMS, description="Inferences in a page, at most.")] = 20
    cursor: Annotated[Text | None, Field(description=_CURSOR)] = None


class OfInference(Question):
    inference_id: UUID
    cursor: Annotated[Text | None, Field(description=_CURSOR)] = None
