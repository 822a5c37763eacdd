"""Chat about a codebase."""

from typing import Literal

from typing_extensions import TypedDict

from services.gateway.answers.shapes import Count, Id, Instant, Usage


class CodebaseAnswer(TypedDict):
    success: Literal[True]
    message: str
    model: str
    usage: Usage | None
    inference_id: Id
    sessionId: str


class CodebaseMessage(TypedDict):
    role: Literal["user", "assistant"]
    content: str
    model: str | None
    inference_id: Id
    at: Instant


class CodebaseHistory(TypedDict):
    sessionId: str
    messages: list[CodebaseMessage]
    total: Count


class CodebaseForgotten(TypedDict):
    sessionId: str
    deleted: Count
