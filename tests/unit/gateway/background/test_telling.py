"""A stored answer as its operation tells it, be it stored whole or chunk by chunk."""

from typing import Any

import orjson
import pytest

from services.gateway.background.telling import StoredForm, chat_chunks, whole
from shared.wire.messages.answer import events_of
from shared.wire.reading.chunk_log import ChunkLog
from shared.wire.reading.collected import chunks_of

_USAGE = {"prompt_tokens": 1, "completion_tokens": 2}
_COMPLETION: dict[str, Any] = {
    "id": "c", "model": "m", "object": "chat.completion", "usage": _USAGE,
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "logprobs": None, "finish_reason": "stop"}
    ],
}  # fmt: skip
_MESSAGE: dict[str, Any] = {
    "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 2},
}  # fmt: skip
_TEXT = {
    "id": "c", "model": "m", "object": "text_completion", "usage": _USAGE,
    "choices": [{"index": 0, "text": "hi", "logprobs": None, "finish_reason": "stop"}],
}  # fmt: skip


def stored(operation: str, form: StoredForm) -> bytes:
    if form == "completion":
        return orjson.dumps(_MESSAGE if operation == "messages" else _COMPLETION)
    log = ChunkLog()
    told = events_of(orjson.dumps(_MESSAGE)) if operation == "messages" else chunks_of(orjson.dumps(_COMPLETION))
    for chunk in told:
        log.add(chunk.data)
    return log.bytes_so_far


@pytest.mark.parametrize("form", ["completion", "chunks"])
@pytest.mark.parametrize(
    ("operation", "told"), [("chat", _COMPLETION), ("messages", _MESSAGE), ("completions", _TEXT)], ids=["c", "m", "t"]
)
def test_an_answer_is_told_in_the_words_of_its_operation(operation: str, told: Any, form: StoredForm) -> None:
    assert orjson.loads(whole(operation, form, stored(operation, form))) == told


def test_what_is_no_chat_is_told_as_it_is() -> None:
    assert whole("embeddings", "completion", b'{"data":[]}') == b'{"data":[]}'


def test_a_response_is_made_of_the_same_chunks_however_they_are_stored() -> None:
    texts = [
        [
            choice["delta"].get("content")
            for chunk in chat_chunks(form, stored("chat", form))
            for choice in chunk["choices"]
        ]
        for form in ("completion", "chunks")
    ]
    assert texts == [["hi"], ["hi"]]
