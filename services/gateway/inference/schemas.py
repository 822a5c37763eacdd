"""The bodies that ask for inferences. Fields that are not known are let through to the model."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from services.gateway.bodies import MOST_BODY_BYTES, MOST_MEMBERS, BodyText, JsonObject
from shared.events.bounds import Integral, Reference
from shared.policies import Policy

MOST_INPUTS = 2048  # as OpenAI has it
MOST_DOCUMENTS = 10_000
_MOST_TOKENS = 1_000_000  # of one input
_TOKEN_LIMIT = 2**31

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


_TEXT: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": MOST_BODY_BYTES}
_TOKENS: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "maxItems": _MOST_TOKENS,
    "items": {"type": "integer", "minimum": 0, "maximum": _TOKEN_LIMIT - 1},
}


def _several(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "maxItems": MOST_INPUTS, "items": items}


_OBJECTS = {"type": "object", "maxProperties": MOST_MEMBERS}
_SHAPES = {
    "anyOf": [
        _TEXT,
        _several({"type": "string", "maxLength": MOST_BODY_BYTES}),
        _TOKENS,
        _several(_TOKENS),
        _several(_OBJECTS),
    ]
}


def _inputs(given: object) -> object:
    """Checked by hand: pydantic would name each of the forms that it is not."""
    if isinstance(given, str) and given:
        return given
    if not isinstance(given, list) or not given:
        raise _wrong("input must be a text, a list of texts, a list of tokens, or a list of lists of tokens")
    if _are_tokens(given):
        return given
    if len(given) > MOST_INPUTS:
        raise _wrong(f"input must have at most {MOST_INPUTS} entries")
    kinds = {type(item) for item in given}
    if kinds not in ({str}, {list}, {dict}):
        raise _wrong("the entries of input must all be texts, all be lists of tokens, or all be objects")
    if kinds == {list} and not all(map(_are_tokens, given)):
        raise _wrong(f"an entry must be 1 to {_MOST_TOKENS} tokens, whole numbers from 0 to {_TOKEN_LIMIT - 1}")
    if kinds == {dict} and max(map(len, given)) > MOST_MEMBERS:
        raise _wrong(f"an entry must have at most {MOST_MEMBERS} members")
    return given


def _are_tokens(items: list[Any]) -> bool:
    are_whole = bool(items) and all(type(item) is int for item in items)
    return are_whole and len(items) <= _MOST_TOKENS and 0 <= min(items) <= max(items) < _TOKEN_LIMIT


def _wrong(why: str) -> PydanticCustomError:
    return PydanticCustomError("input", "{why}", {"why": why})


class EmbeddingsBody(BaseModel):
    """An OpenAI embeddings request; more fields are passed on as they are.

    model must be given: vectors of two models cannot be compared, so none is chosen without a word ("auto" is one).
    The entries of input may be objects, for models that read more than text. Ours are deadline_s, policy and
    no_fallback, as in a chat.
    """

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    input: Annotated[Any, AfterValidator(_inputs), WithJsonSchema(_SHAPES)]
    model: Annotated[Reference, Field(min_length=1)]
    dimensions: int | None = Field(default=None, ge=1, le=1_000_000)
    encoding_format: Literal["float", "base64"] | None = None
    stream: Literal[False] | None = None
    user: Word | None = None
    deadline_s: float | None = Field(default=None, gt=0, le=1e308)  # more than is granted is cut
    policy: Policy | None = None
    no_fallback: bool | None = None


class RerankBody(BaseModel):
    """A request as Jina, Cohere, vLLM and others take it; more fields are passed on as they are.

    Documents may be objects, for models that read more than text. Ours are deadline_s, policy and no_fallback, as in a
    chat.
    """

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    query: Annotated[BodyText, Field(min_length=1)] | Annotated[JsonObject, Field(min_length=1)]
    documents: list[BodyText | JsonObject] = Field(min_length=1, max_length=MOST_DOCUMENTS)
    model: Reference | None = None
    top_n: int | None = Field(default=None, ge=1, lt=2**31)
    return_documents: bool | None = None
    stream: Literal[False] | None = None
    deadline_s: float | None = Field(default=None, gt=0, le=1e308)  # more than is granted is cut
    policy: Policy | None = None
    no_fallback: bool | None = None


OUR_FIELDS = frozenset({"deadline_s", "policy", "no_fallback"})  # of all of them; not passed on to models
