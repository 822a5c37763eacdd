"""The bodies of chats, in both forms. Fields that are not known are let through to the model."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.gateway.bodies import BodyText, JsonObject
from shared.events.bounds import Integral, Reference
from shared.policies import Policy

# What the numbers mean, and which of them are allowed, is for the model to say.
Number = Annotated[float, Field(ge=-1e15, le=1e15)]
Whole = Annotated[int, Field(ge=-(2**63), lt=2**64), Integral]
Tokens = Annotated[int, Field(ge=1, lt=2**31), Integral]
Word = Annotated[str, StringConstraints(max_length=1000)]
Objects = Annotated[list[JsonObject], Field(max_length=10_000)]


class ChatMessage(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: BodyText | Objects | None = None
    name: Word | None = None


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    include_usage: bool | None = None


class ChatBody(BaseModel):
    """An OpenAI chat-completions request, all documented fields; more are passed on as they are.

    Ours are deadline_s (seconds until an answer is of no more use), policy and no_fallback.
    """

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    messages: list[ChatMessage] = Field(min_length=1, max_length=10_000)
    model: Reference | None = None
    audio: JsonObject | None = None
    frequency_penalty: Number | None = None
    function_call: Word | JsonObject | None = None
    functions: Objects | None = None
    logit_bias: Annotated[dict[Word, Number], Field(max_length=10_000)] | None = None
    logprobs: bool | None = None
    max_completion_tokens: Tokens | None = None
    max_tokens: Tokens | None = None
    metadata: JsonObject | None = None
    modalities: Annotated[list[Word], Field(max_length=100)] | None = None
    moderation: JsonObject | None = None
    n: Annotated[int, Field(ge=1, le=128), Integral] | None = None
    parallel_tool_calls: bool | None = None
    prediction: JsonObject | None = None
    presence_penalty: Number | None = None
    prompt_cache_key: Word | None = None
    prompt_cache_options: JsonObject | None = None
    prompt_cache_retention: Word | None = None
    reasoning_effort: Word | None = None
    response_format: JsonObject | None = None
    safety_identifier: Word | None = None
    seed: Whole | None = None
    service_tier: Word | None = None
    stop: BodyText | Annotated[list[BodyText], Field(max_length=100)] | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Number | None = None
    tool_choice: Word | JsonObject | None = None
    tools: Objects | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=1000), Integral] | None = None
    top_p: Number | None = None
    user: Word | None = None
    verbosity: Word | None = None
    web_search_options: JsonObject | None = None
    deadline_s: float | None = Field(default=None, gt=0, le=1e308)  # more than is granted is cut
    policy: Policy | None = None
    no_fallback: bool | None = None


class MessageTurn(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    role: Literal["user", "assistant", "system"]
    content: BodyText | Objects


class CountedBody(BaseModel):
    """A request in the form of Anthropic's messages whose tokens are counted. What its fields hold is for the endpoint
    to say, or for the translation. Ours are deadline_s, policy and no_fallback, as in ChatBody."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    messages: list[MessageTurn] = Field(min_length=1, max_length=10_000)
    model: Reference | None = None
    context_management: JsonObject | None = None
    mcp_servers: Objects | None = None
    output_config: JsonObject | None = None
    output_format: JsonObject | None = None
    system: BodyText | Objects | None = None
    thinking: JsonObject | None = None
    tool_choice: JsonObject | None = None
    tools: Objects | None = None
    deadline_s: float | None = Field(default=None, gt=0, le=1e308)
    policy: Policy | None = None
    no_fallback: bool | None = None


class MessagesBody(CountedBody):
    """A request in the form of Anthropic's messages."""

    max_tokens: Annotated[int, Field(ge=0, lt=2**31)]
    container: Word | JsonObject | None = None
    metadata: JsonObject | None = None
    service_tier: Word | None = None
    stop_sequences: Annotated[list[BodyText], Field(max_length=1000)] | None = None
    stream: bool | None = None
    temperature: Number | None = None
    top_k: Whole | None = None
    top_p: Number | None = None


OUR_CHAT_FIELDS = frozenset({"deadline_s", "policy", "no_fallback"})  # not passed on to models
