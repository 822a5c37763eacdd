"""Batches, in OpenAI's words."""

from typing import Any, Literal

from typing_extensions import TypedDict

from services.gateway.answers.shapes import Count
from shared.batches import Endpoint, Status


class BatchError(TypedDict):
    """line: of the input file, from 1; null when it is not about one. param: of the line's object."""

    code: str
    message: str
    line: int | None
    param: str | None


class BatchErrors(TypedDict):
    object: Literal["list"]
    data: list[BatchError]


class RequestCounts(TypedDict):
    """failed: of which the error file tells."""

    total: Count
    completed: Count
    failed: Count


class Batch(TypedDict):
    """Times are in seconds since 1970. waiting_for: why no line is begun at the moment; null while all goes on.
    session: under which the inferences of its lines are found, with what they cost."""

    id: str
    object: Literal["batch"]
    endpoint: Endpoint
    errors: BatchErrors | None
    input_file_id: str
    completion_window: str
    status: Status
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    metadata: dict[str, Any] | None
    waiting_for: str | None
    session: str


class Batches(TypedDict):
    """The newest first. last_id: where the next page begins, as `after`."""

    object: Literal["list"]
    data: list[Batch]
    first_id: str | None
    last_id: str | None
    has_more: bool
