"""Answers of /v1 in OpenAI's words, and of /v1/rerank in those that its servers share.

What endpoints said is passed on as it is, so what is theirs may hold more than is named here."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from services.gateway.answers.shapes import Count, Usage
from shared.files.files import Purpose
from shared.registry.models import Capabilities, Price, Task


class ChatCompletion(TypedDict):
    """An OpenAI chat completion, in the endpoint's own words."""

    id: NotRequired[str]
    object: NotRequired[str]
    created: NotRequired[int]
    model: NotRequired[str]
    choices: list[dict[str, Any]]
    usage: NotRequired[Usage | None]


class Embedding(TypedDict):
    """embedding: numbers, or base64 of them, as was asked for."""

    object: Literal["embedding"]
    index: Count
    embedding: list[float] | str


class Embeddings(TypedDict):
    object: Literal["list"]
    model: str
    data: list[Embedding]
    usage: Usage


class Ranked(TypedDict):
    index: Count
    relevance_score: float
    document: NotRequired[Any]


class Ranking(TypedDict):
    """The best first."""

    id: NotRequired[str]
    model: NotRequired[str]
    results: list[Ranked]
    usage: NotRequired[Usage | None]
    meta: NotRequired[Usage | None]


class TextCompletion(TypedDict):
    """An OpenAI text completion."""

    id: NotRequired[str]
    object: NotRequired[str]
    created: NotRequired[int]
    model: NotRequired[str]
    choices: list[dict[str, Any]]
    usage: NotRequired[Usage | None]


class OpenAIResponse(TypedDict):
    """As OpenAI's Responses are; output: messages, calls of functions, thoughts."""

    id: str
    object: Literal["response"]
    created_at: int
    status: str
    model: str
    output: list[dict[str, Any]]
    usage: Usage | None


class InputItems(TypedDict):
    object: Literal["list"]
    data: list[dict[str, Any]]
    first_id: str | None
    last_id: str | None
    has_more: bool


class ResponseDeleted(TypedDict):
    id: str
    object: Literal["response"]
    deleted: Literal[True]


class OpenAIFile(TypedDict):
    """expires_at: when it is deleted, in seconds since 1970."""

    id: str
    object: Literal["file"]
    bytes: Count
    created_at: Count
    expires_at: Count
    filename: str
    purpose: Purpose
    status: Literal["processed"]
    status_details: None


class FileList(TypedDict):
    object: Literal["list"]
    data: list[OpenAIFile]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileDeleted(TypedDict):
    id: str
    object: Literal["file"]
    deleted: Literal[True]


class OpenAIModel(TypedDict):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    max_model_len: int | None
    context_window: int | None
    operations: list[Task]
    capabilities: Capabilities
    price: Price | None


class OpenAIModels(TypedDict):
    object: Literal["list"]
    data: list[OpenAIModel]
