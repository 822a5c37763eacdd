"""Pure: a response as it is told, whole or event by event."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import count
from typing import Any
from uuid import UUID

from services.gateway.responses.asking import KEPT_THOUGHTS
from services.gateway.responses.schemas import ResponseBody
from services.gateway.responses.telling import Output, SealThoughts, numbered
from shared.errors import Failure, render
from shared.wire.reading.collected import completion_object

_Object = dict[str, Any]

_PREFIX = "resp_"
_ECHOED = ("instructions", "max_output_tokens", "previous_response_id", "prompt_cache_key", "safety_identifier",
           "service_tier", "temperature", "top_logprobs", "top_p", "user")  # fmt: skip
# What OpenAI calls the errors that it has a name for; ours is beside it.
_CODES = {"rate_limited": "rate_limit_exceeded", "too_many_requests": "rate_limit_exceeded",
          "invalid_request": "invalid_prompt", "content_filtered": "invalid_prompt",
          "context_length_exceeded": "invalid_prompt"}  # fmt: skip


def response_id(inference_id: UUID) -> str:
    return _PREFIX + inference_id.hex


def inference_id_in(text: str) -> UUID | None:
    """None for what is no id of a response of ours."""
    try:
        return UUID(hex=text.removeprefix(_PREFIX)) if text.startswith(_PREFIX) else None
    except ValueError:
        return None


class Telling:
    """One response as its answer comes. created_at: in seconds since 1970. seal_thoughts: None when the caller has not
    asked for them."""

    def __init__(
        self, asked: ResponseBody, inference_id: UUID, created_at: int, seal_thoughts: SealThoughts | None
    ) -> None:
        reasoning = asked.reasoning
        self._asked = asked
        self._id = response_id(inference_id)
        self._created_at = created_at
        self._numbers = count()
        summary = reasoning is not None and (reasoning.summary or reasoning.generate_summary) is not None
        self._output = Output(inference_id.hex, seal_thoughts, summary=summary)

    def standing(self, status: str) -> _Object:
        """The response while nothing of its answer is known. status: `queued` or `in_progress`."""
        return self._told(status)

    def begin(self) -> Iterator[_Object]:
        """The first events."""
        begun = {"response": self._told("in_progress")}
        yield from numbered(iter([("created", begun), ("in_progress", begun)]), self._numbers)

    def add(self, chunk: Mapping[str, Any]) -> Iterator[_Object]:
        """The events that a chunk in the OpenAI wire format brings."""
        return numbered(self._output.add(chunk), self._numbers)

    def last_items(self) -> Iterator[_Object]:
        """Of an answer that is whole: the events before the last one."""
        return numbered(self._output.end(), self._numbers)

    def add_whole(self, completion: bytes) -> None:
        """In place of `add` and `last_items`, of an answer that came at once. Raises BrokenStreamError."""
        self._output.add_whole(completion_object(completion))

    def end(self) -> _Object:
        """The last event."""
        whole = self.whole
        return {"type": f"response.{whole['status']}", "sequence_number": next(self._numbers), "response": whole}

    def failed(self, error: Failure) -> _Object:
        """The last event of an answer that broke off."""
        told: _Object = {"code": _CODES.get(error.error_type, "server_error"), "message": render.message(error)}
        told |= {"error_type": error.error_type, "tips": list(error.tips)}
        response = {**self._told("failed"), "output": self._output.items, "error": told}
        return {"type": "response.failed", "sequence_number": next(self._numbers), "response": response}

    @cached_property
    def whole(self) -> _Object:
        """As it is told when all has come; it is made then, and once."""
        why = self._output.why_incomplete
        told = self._told("completed" if why is None else "incomplete")
        told |= {"output": self._output.items, "usage": self._output.usage}
        return told if why is None else told | {"incomplete_details": {"reason": why}}

    @property
    def to_keep(self) -> _Object:
        """`whole`, with the thoughts that later responses give back to the model."""
        thoughts, items = self._output.thoughts, self.whole["output"]
        return {**self.whole, "store": True, "output": _with_thoughts(items, thoughts) if thoughts else items}

    def mark_kept(self) -> None:
        """From now on it says so of itself."""
        self.whole["store"] = True

    def _told(self, status: str) -> _Object:
        asked = self._asked
        in_background = asked.background is True  # which is kept in any case
        left_out = {"strict": None, "description": None, "parameters": None}
        text: _Object = asked.text.model_dump(by_alias=True, exclude_none=True) if asked.text else {}
        return {
            "id": self._id, "object": "response", "created_at": self._created_at, "status": status,
            "model": self._output.model or asked.model or "auto", "output": [], "error": None,
            "incomplete_details": None, "metadata": asked.metadata or {}, "usage": None,
            "parallel_tool_calls": asked.parallel_tool_calls is not False, "tool_choice": asked.tool_choice or "auto",
            "tools": [left_out | tool for tool in asked.tools or ()],
            "store": in_background, "background": in_background, "truncation": "disabled",
            "text": {"format": {"type": "text"}} | text,
            "reasoning": asked.reasoning.model_dump() if asked.reasoning else {"effort": None, "summary": None},
            **{name: getattr(asked, name) for name in _ECHOED},
        }  # fmt: skip


def _with_thoughts(items: list[_Object], thoughts: list[_Object]) -> list[_Object]:
    """Without what is sealed of them: it is under today's key, and rotation does not know it."""
    at = next(at for at, item in enumerate(items) if item["type"] == "reasoning")
    item = {name: value for name, value in items[at].items() if name != "encrypted_content"}
    return [*items[:at], item | {KEPT_THOUGHTS: thoughts}, *items[at + 1 :]]


def told_by_chunks(telling: Telling, chunks: Iterable[Mapping[str, Any]]) -> None:
    """Adds the chunks of a whole answer. Raises what they raise."""
    for chunk in chunks:
        for _ in telling.add(chunk):
            pass
    for _ in telling.last_items():
        pass
