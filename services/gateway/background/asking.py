"""Pure: the body of POST /api/inferences: an operation, and the request of that operation."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict

from services.gateway.bodies import parse_json, validated
from services.gateway.inference.admission import Admitted, Deadlines, admit_chat, admit_messages
from services.gateway.inference.embeddings import admit_embeddings
from services.gateway.inference.rerank import admit_rerank
from services.gateway.inference.text_completions import admit_text
from shared.operations import WireFormat

# By the surface whose request it is: chat is /v1/chat/completions, the others are as their paths are called.
BackgroundOperation = Literal["chat", "messages", "responses", "completions", "embeddings", "rerank"]

_OPERATION = "operation"


class BackgroundBody(BaseModel):
    """The request of an operation, and beside its fields which operation it is, by default a chat. The same is taken
    and refused as on the operation's own path. With `"stream": true` its chunks can be followed as they come."""

    model_config = ConfigDict(extra="allow", strict=True)

    operation: BackgroundOperation = "chat"


def operation_and_request(body: bytes) -> tuple[BackgroundOperation, bytes]:
    """Raises InvalidBodyError."""
    fields = parse_json(body)
    named = {name: fields.pop(name) for name in (_OPERATION,) if name in fields}
    return validated(BackgroundBody, named).operation, orjson.dumps(fields)


def form_of(operation: str) -> WireFormat:
    return "anthropic" if operation == "messages" else "openai"


def admit(
    operation: BackgroundOperation, body: bytes, headers: Mapping[str, str], now: datetime, deadlines: Deadlines
) -> Admitted:
    """Of every operation but responses, which go on from what is kept. Raises InvalidBodyError."""
    return _ADMITS[operation](body, headers, now, deadlines)


_ADMITS: dict[BackgroundOperation, Callable[[bytes, Mapping[str, str], datetime, Deadlines], Admitted]] = {
    "chat": admit_chat,
    "messages": admit_messages,
    "completions": admit_text,
    "embeddings": admit_embeddings,
    "rerank": admit_rerank,
}
