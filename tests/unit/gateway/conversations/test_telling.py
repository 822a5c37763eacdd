"""A streamed answer, as codebase chat tells it."""

from collections.abc import Mapping
from typing import Any

import orjson

from services.gateway.conversations.telling import CodebaseWords
from shared.errors import failure
from shared.events import new_id
from shared.inferences import Answer, InferenceFailedError
from shared.wire import read_completion


def lines(*chunks: Mapping[str, Any]) -> bytes:
    return b"\n".join(orjson.dumps(chunk) for chunk in chunks)


def chunk(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}


def data_of(event: bytes) -> Any:
    return orjson.loads(event.removeprefix(b"event: error\n").removeprefix(b"data: ").removesuffix(b"\n\n"))


class Told:
    """What the answer was made known as, when it was whole."""

    def __init__(self) -> None:
        self.completions: list[Mapping[str, Any]] = []

    async def __call__(self, _answer: Answer, completion: Mapping[str, Any]) -> dict[str, Any]:
        self.completions.append(completion)
        return {"success": True}


async def test_pieces_are_told_as_they_come_and_the_whole_at_the_end() -> None:
    told = Told()
    words = CodebaseWords(told)

    assert data_of(words.chunks(lines(chunk(role="assistant"), chunk(content="a"), chunk(content="ä")))) == {
        "delta": "aä"
    }
    assert words.chunks(lines(chunk(content=""))) == b""
    assert data_of(words.chunks(lines(chunk(content="\n")))) == {"delta": "\n"}
    assert words.chunks(lines({"choices": [], "usage": {"total_tokens": 3}})) == b""
    assert told.completions == []

    last = await words.end(Answer(new_id(), b"", "custom:m", 1))
    assert last == b'data: {"success":true}\n\ndata: [DONE]\n\n'
    (completion,) = told.completions
    assert (read_completion(completion).text, completion["usage"]) == ("aä\n", {"total_tokens": 3})


async def test_what_a_model_thinks_is_not_told() -> None:
    words = CodebaseWords(Told())
    parts = [{"type": "thinking", "thinking": "hm"}]
    assert words.chunks(lines(chunk(reasoning_content="hm"), chunk(content=parts), chunk(content="<thi"))) == b""
    assert words.chunks(lines(chunk(content="nk>hm</think>"))) == b""
    assert data_of(words.chunks(lines(chunk(content="\nan answer")))) == {"delta": "an answer"}


async def test_what_only_looked_like_thoughts_is_told_at_the_end() -> None:
    words = CodebaseWords(Told())
    assert words.chunks(lines(chunk(content="<thi"))) == b""
    last = await words.end(Answer(new_id(), b"", "custom:m", 1))
    assert last == b'data: {"delta":"<thi"}\n\ndata: {"success":true}\n\ndata: [DONE]\n\n'


def test_an_answer_that_broke_off_is_a_typed_error_and_nothing_is_made_of_it() -> None:
    told, inference_id = Told(), new_id()
    words = CodebaseWords(told)
    words.chunks(lines(chunk(content="a")))

    event = words.failed(InferenceFailedError(failure("stream_broken", "reset"), inference_id))

    assert event.startswith(b"event: error\n")
    problem = data_of(event)
    assert (problem["success"], problem["error_type"]) == (False, "stream_broken")
    assert problem["inference_id"] == str(inference_id)
    assert told.completions == []
