"""What callers may send. `/v1` bodies let unknown fields through to the model; `/api` bodies refuse them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from shared.access import SCOPES, Scope
from shared.events.envelope import TenantId
from shared.registry import Price

_RESERVED_IDS = {"monitoring", "auto"}  # a path, and a word with a meaning


def _not_reserved(model_id: str) -> str:
    if model_id in _RESERVED_IDS:
        raise ValueError(f"{model_id!r} is reserved; choose another id")
    return model_id


# PostgreSQL cannot store NUL in text.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=2000)]
ModelId = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100),
    AfterValidator(_not_reserved),
]
SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$", max_length=100)]
Secret = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=4096)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", max_length=100)]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]*$", max_length=4096)]
JsonObject = dict[str, Any]


class ChatMessage(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[JsonObject] | None = None
    name: str | None = None


class ChatBody(BaseModel):
    """An OpenAI chat-completions request, all documented fields; more are passed on as they are.

    deadline_s is ours: seconds until an answer is of no more use.
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


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=())


class _ModelFields(_Strict):
    """What create and change have in common."""

    model_name: Text | None = None
    api_key: Secret | None = None
    headers: dict[HeaderName, HeaderValue] = {}
    config: JsonObject = {}
    context_window: int | None = Field(default=None, ge=1, le=2**31 - 1)
    max_concurrency: int | None = Field(default=None, ge=1, le=100_000)
    price: Price | None = None
    timeout_s: float | None = Field(default=None, gt=0, le=3600)
    description: Text = ""
    is_active: bool = True

    @field_validator("config")
    @classmethod
    def _can_be_stored(cls, config: JsonObject) -> JsonObject:
        model = config.get("model")
        if model is not None and not (isinstance(model, str) and model):
            raise ValueError("config.model must be the model's name at the endpoint")
        if "\x00" in repr_text(config):
            raise ValueError("config must not contain NUL characters")
        return config


class CustomModelCreate(_ModelFields):
    """POST /api/models/custom (DESIGN §13)."""

    model_id: ModelId
    endpoint_url: Annotated[str, StringConstraints(max_length=2000)]
    provider: Literal["openai-compatible", "anthropic-compatible"]


class CustomModelChange(_ModelFields):
    """PATCH: only what is sent is changed; api_key null removes the key."""

    endpoint_url: Annotated[str, StringConstraints(max_length=2000)] | None = None
    provider: Literal["openai-compatible", "anthropic-compatible"] | None = None


class ModelTest(_Strict):
    """POST /api/models/custom/{id}/test; the body may be left out."""

    message: Annotated[str, StringConstraints(min_length=1, max_length=2000)] = "Reply with one word: ready."


class CodebaseFile(_Strict):
    path: Text
    content: str = ""


class CodebaseChatBody(_Strict):
    """POST /api/codebase/chat. `files` are paths, or paths with their content."""

    sessionId: SessionId | None = None  # noqa: N815 - the wire names of DESIGN §13
    message: Annotated[str, StringConstraints(min_length=1)]
    repo: Text | None = None
    files: list[CodebaseFile | Text] = Field(default=[], max_length=200)
    currentFile: CodebaseFile | Text | None = None  # noqa: N815
    model: Annotated[str, StringConstraints(max_length=256)] | None = None


class SessionQuery(_Strict):
    """GET and DELETE /api/codebase/chat?sessionId=..."""

    sessionId: SessionId  # noqa: N815


class KeyCreate(_Strict):
    tenant: TenantId
    scopes: list[Scope] = Field(default=[scope for scope in SCOPES if scope != "admin"], min_length=1)
    name: Text = ""


def repr_text(value: object) -> str:
    """All strings of a JSON value, joined: for checks on what they contain."""
    if isinstance(value, dict):
        return "".join(repr_text(key) + repr_text(item) for key, item in value.items())
    if isinstance(value, list):
        return "".join(map(repr_text, value))
    return value if isinstance(value, str) else ""
