"""The body of POST /v1/responses: all that a chat can be asked for. What else the API has is refused by its name."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.gateway.bodies import BodyText, JsonObject
from services.gateway.inference.schemas import Number, Objects, Tokens, Word
from shared.events.bounds import Reference
from shared.policies import Policy

Metadata = Annotated[dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
                     Field(max_length=16)]  # fmt: skip


class Format(BaseModel):
    """`text.format`. name, description, schema, strict: of `json_schema`."""

    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=())

    type: Literal["text", "json_object", "json_schema"]
    name: Word | None = None
    description: BodyText | None = None
    schema_: JsonObject | None = Field(default=None, alias="schema")
    strict: bool | None = None


class TextOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Format | None = None
    verbosity: Word | None = None


class Reasoning(BaseModel):
    """summary: what the model thought is told as a summary then, since no model makes one for us."""

    model_config = ConfigDict(extra="forbid", strict=True)

    effort: Word | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None  # its older name


class ResponseBody(BaseModel):
    """deadline_s, policy, no_fallback: ours, as of a chat."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    input: BodyText | Annotated[Objects, Field(min_length=1)] | None = None
    model: Reference | None = None
    instructions: BodyText | None = None
    previous_response_id: Annotated[str, Field(max_length=100)] | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: JsonObject | None = None
    include: Annotated[list[Word], Field(max_length=20)] | None = None
    max_output_tokens: Tokens | None = None
    metadata: Metadata | None = None
    parallel_tool_calls: bool | None = None
    prompt_cache_key: Word | None = None
    prompt_cache_retention: Word | None = None
    reasoning: Reasoning | None = None
    safety_identifier: Word | None = None
    service_tier: Word | None = None
    temperature: Number | None = None
    text: TextOptions | None = None
    tool_choice: Word | JsonObject | None = None
    tools: Objects | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    top_p: Number | None = None
    truncation: Literal["disabled"] | None = None
    user: Word | None = None
    background: bool | None = None
    deadline_s: float | None = Field(default=None, gt=0, le=1e308)
    policy: Policy | None = None
    no_fallback: bool | None = None

    @property
    def is_kept(self) -> bool:
        """OpenAI keeps a response unless it is told not to."""
        return self.store is not False

    @property
    def given(self) -> list[dict[str, Any]]:
        """The input as items."""
        if isinstance(self.input, str):
            return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": self.input}]}]
        return list(self.input or ())
