"""The chat body. Fields that are not known are let through to the model."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.policies import Policy

JsonObject = dict[str, Any]


class ChatMessage(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[JsonObject] | None = None
    name: str | None = None


class ChatBody(BaseModel):
    """An OpenAI chat-completions request, all documented fields; more are passed on as they are.

    Ours are deadline_s (seconds until an answer is of no more use), policy and no_fallback.
    """

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    messages: list[ChatMessage] = Field(min_length=1)
    model: Annotated[str, StringConstraints(max_length=256)] | None = None
    audio: JsonObject | None = None
    frequency_penalty: float | None = None
    function_call: str | JsonObject | None = None
    functions: list[JsonObject] | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    max_completion_tokens: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    metadata: JsonObject | None = None
    modalities: list[str] | None = None
    n: int | None = Field(default=None, ge=1, le=128)
    parallel_tool_calls: bool | None = None
    prediction: JsonObject | None = None
    presence_penalty: float | None = None
    prompt_cache_key: str | None = None
    reasoning_effort: str | None = None
    response_format: JsonObject | None = None
    safety_identifier: str | None = None
    seed: int | None = None
    service_tier: str | None = None
    stop: str | list[str] | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: JsonObject | None = None
    temperature: float | None = None
    tool_choice: str | JsonObject | None = None
    tools: list[JsonObject] | None = None
    top_logprobs: int | None = Field(default=None, ge=0)
    top_p: float | None = None
    user: str | None = None
    verbosity: str | None = None
    web_search_options: JsonObject | None = None
    deadline_s: float | None = Field(default=None, gt=0)
    policy: Policy | None = None
    no_fallback: bool | None = None


OUR_CHAT_FIELDS = frozenset({"deadline_s", "policy", "no_fallback"})  # not passed on to models
