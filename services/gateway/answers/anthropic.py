"""Answers in Anthropic's words.

What endpoints said is passed on as it is, so what is theirs may hold more than is named here."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from services.gateway.answers.shapes import Instant


class AnthropicMessage(TypedDict):
    """A message of Anthropic's API, in the endpoint's own words."""

    id: NotRequired[str]
    type: NotRequired[str]
    role: NotRequired[str]
    model: NotRequired[str]
    content: list[dict[str, Any]]
    stop_reason: NotRequired[str | None]
    stop_sequence: NotRequired[str | None]
    usage: NotRequired[dict[str, Any]]


class CountedTokens(TypedDict):
    """How many tokens a message would have; a header says whether the endpoint counted them."""

    input_tokens: int


class AnthropicModel(TypedDict):
    type: Literal["model"]
    id: str
    display_name: str
    created_at: Instant
    lifecycle: Literal["active"]
    max_input_tokens: int | None


class AnthropicModels(TypedDict):
    data: list[AnthropicModel]
    has_more: Literal[False]
    first_id: str | None
    last_id: str | None
