"""Pure: OpenAI's old text completions, asked as a chat and told as the old clients read them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.bodies import BodyText, parsed
from services.gateway.inference.admission import Admitted, Deadlines, admit_as_chat
from services.gateway.inference.schemas import Number, StreamOptions, Tokens, Whole, Word
from shared.events.bounds import Reference
from shared.policies import Policy
from shared.wire.reading.completions import object_or_empty, said_in, text_of
from shared.wire.reading.streams import choices_of, index_of

_Object = dict[str, Any]
_OLD_DEFAULT_TOKENS = 16  # of the old API: without a limit it ended there


class TextBody(BaseModel):
    """POST /v1/completions. One prompt, as text; it becomes the user's message. What a chat cannot do (echo, suffix,
    best_of, logprobs) is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    prompt: BodyText | Annotated[list[BodyText], Field(min_length=1, max_length=1)]
    model: Reference | None = None
    best_of: Literal[1] | None = None
    echo: Literal[False] | None = None
    frequency_penalty: Number | None = None
    logit_bias: Annotated[dict[Word, Number], Field(max_length=10_000)] | None = None
    logprobs: None = None
    max_tokens: Tokens | None = None
    n: int | None = Field(default=None, ge=1, le=128)
    presence_penalty: Number | None = None
    seed: Whole | None = None
    stop: BodyText | Annotated[list[BodyText], Field(max_length=100)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    suffix: Literal[""] | None = None
    temperature: Number | None = None
    top_p: Number | None = None
    user: Word | None = None
    deadline_s: float | None = Field(default=None, gt=0, le=1e308)
    policy: Policy | None = None
    no_fallback: bool | None = None


_NOT_FOR_CHAT = {"prompt", "best_of", "echo", "logprobs", "suffix"}


def admit_text(body: bytes, headers: Mapping[str, str], now: datetime, deadlines: Deadlines) -> Admitted:
    """Raises InvalidBodyError."""
    return admit_as_chat(_chat_body(parsed(TextBody, body)), headers, now, deadlines)


def _chat_body(asked: TextBody) -> _Object:
    prompt = asked.prompt if isinstance(asked.prompt, str) else asked.prompt[0]
    body = asked.model_dump(exclude_none=True, exclude=_NOT_FOR_CHAT)
    return {"max_tokens": _OLD_DEFAULT_TOKENS, **body, "messages": [{"role": "user", "content": prompt}]}


def told(completion: bytes) -> bytes:
    """A chat's completion, or a chunk of one, as the old API tells it."""
    body = object_or_empty(orjson.loads(completion))
    choices = [_choice(choice) for choice in choices_of(body)]
    return orjson.dumps({**body, "object": "text_completion", "choices": choices})


def _choice(choice: _Object) -> _Object:
    return {
        "index": index_of(choice),
        "text": text_of(said_in(choice).get("content")),
        "logprobs": None,
        "finish_reason": choice.get("finish_reason"),
    }
