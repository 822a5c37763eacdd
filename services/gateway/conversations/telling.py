"""How a streamed answer is told by codebase chat: `{"delta": text}` for each piece, then what a plain answer says."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from shared.errors import render
from shared.inferences import Answer, InferenceFailedError
from shared.wire.reading.collected import Collected
from shared.wire.reading.streams import text_in
from shared.wire.reading.thoughts import AnswerReader

# The answer, and the completion that its chunks add up to; returns what a plain answer would say.
Whole = Callable[[Answer, Mapping[str, Any]], Awaitable[dict[str, Any]]]


class CodebaseWords:
    """The `Words` of one `EventStream`. whole: called once, when all has come, and never for what broke off."""

    def __init__(self, whole: Whole) -> None:
        self._whole = whole
        self._collected = Collected()
        self._answer = AnswerReader()

    def chunks(self, chunks: bytes) -> bytes:
        """One event for all of their text, without what the model thinks; none when they add none."""
        return _delta("".join([self._added(chunk) for chunk in chunks.split(b"\n")]))

    async def end(self, answer: Answer) -> bytes:
        said = await self._whole(answer, orjson.loads(self._collected.completion()))
        return _delta(self._answer.end()) + _event(said) + b"data: [DONE]\n\n"

    def failed(self, failed: InferenceFailedError) -> bytes:
        inference_id, attempts = str(failed.inference_id), failed.failed_attempts
        problem = render.problem(failed.failure, inference_id=inference_id, attempts=attempts) | {"success": False}
        return b"event: error\n" + _event(problem)

    def _added(self, line: bytes) -> str:
        body = orjson.loads(line)
        self._collected.add(body)
        return self._answer.add(text_in(body))


def _delta(text: str) -> bytes:
    return _event({"delta": text}) if text else b""


def _event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"
