"""Pure: the words of batches, as OpenAI's clients know them."""

from typing import Literal, get_args
from uuid import UUID

Status = Literal[
    "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"
]  # fmt: skip
LastState = Literal["failed", "completed", "expired", "cancelled"]
LAST_STATES: tuple[LastState, ...] = get_args(LastState)

Endpoint = Literal[
    "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages", "/v1/rerank"
]  # fmt: skip
ENDPOINTS: tuple[Endpoint, ...] = get_args(Endpoint)

_PREFIX = "batch_"


def batch_name(batch_id: UUID) -> str:
    return _PREFIX + batch_id.hex


def batch_of_name(text: str) -> UUID | None:
    """None for what is no id of a batch."""
    try:
        return UUID(hex=text.removeprefix(_PREFIX)) if text.startswith(_PREFIX) else None
    except ValueError:
        return None
