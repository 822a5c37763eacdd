"""The Anthropic wire: `POST /v1/messages`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from deploy.model_server.answer import Answer, words
from deploy.model_server.anthropic_rules import broken_rule
from deploy.model_server.errors import ErrorAnswer, invalid_request
from deploy.model_server.plan import Piece
from deploy.model_server.request import Request
from deploy.model_server.wire import Parts, in_utf8, to_json


class AnthropicWire:
    name = "anthropic"
    tells_text = True
    request_id_header = "request-id"

    def problem(self, request: Request, body: Mapping[str, object]) -> ErrorAnswer | None:
        if "anthropic-version" not in request.headers:
            return invalid_request("anthropic-version: header is required")
        kinds = {"model": str, "messages": list, "max_tokens": int}
        for field, kind in kinds.items():
            if not isinstance(body.get(field), kind):
                return invalid_request(f"{field}: Field required", field)
        if not body["messages"]:
            return invalid_request("messages: at least one message is required")
        broken = broken_rule(body)
        return None if broken is None else invalid_request(broken)

    def completion(self, answer: Answer) -> bytes:
        content = [block.whole for block in _blocks(answer)]
        return to_json({**_message(answer, answer.output_tokens, _stop_reason(answer)), "content": content})

    def events(self, answer: Answer) -> list[Piece]:
        opening, content, _, _, done = self.parts(answer)
        return [*opening, *content, _last_words(_stop_reason(answer), usage=_output(answer)), *done]

    def parts(self, answer: Answer) -> Parts:
        content = [event for index, block in enumerate(_blocks(answer)) for event in _streamed(index, block)]
        return Parts(
            _opening(answer),
            [*content[:1], _event("ping"), *content[1:]],
            [_last_words(_stop_reason(answer))],
            [_last_words(None, usage=_output(answer))],
            [_event("message_stop")],
        )

    def with_usage(self, event: Piece, answer: Answer) -> Piece:
        name, _, data = event.data.partition(b"\ndata: ")
        body = {**json.loads(data), "usage": _output(answer)}
        return event._replace(data=b"%b\ndata: %b\n\n" % (name, to_json(body)))

    def silent_delta(self, _answer: Answer) -> Piece:
        return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": ""})

    def hollow_completion(self, answer: Answer) -> bytes:
        message = _message(answer, answer.output_tokens, _stop_reason(answer))
        return to_json({name: value for name, value in message.items() if name != "content"})

    def hollow_events(self, answer: Answer) -> list[Piece]:
        last = _last_words(_stop_reason(answer), usage=_output(answer))
        return [*_opening(answer), last, _event("message_stop")]

    def error(self, error: ErrorAnswer) -> bytes:
        return to_json(_error(error))

    def error_event(self, error: ErrorAnswer) -> Piece:
        return _event("error", error=_error(error)["error"])

    def error_choice(self, _answer: Answer, error: ErrorAnswer) -> Piece:
        return self.error_event(error)


class CountingWire(AnthropicWire):
    """`POST /v1/messages/count_tokens`: of whatever is asked, how many tokens it has."""

    def problem(self, request: Request, body: Mapping[str, object]) -> ErrorAnswer | None:
        for field in ("max_tokens", "stream", "temperature"):
            if field in body:
                return invalid_request(f"{field}: Extra inputs are not permitted", field)
        return super().problem(request, {**body, "max_tokens": 1})

    def completion(self, answer: Answer) -> bytes:
        return to_json({"input_tokens": answer.input_tokens})


class _Block(NamedTuple):
    """Of a message's content. start: as a stream begins it. deltas: how it goes on, each with the text it brings."""

    whole: Mapping[str, object]
    start: Mapping[str, object]
    deltas: Sequence[tuple[Mapping[str, object], bytes]]


def _blocks(answer: Answer) -> Iterator[_Block]:
    if answer.reasoning:
        deltas = [({"type": "thinking_delta", "thinking": piece}, b"") for piece in words(answer.reasoning)]
        signature = ({"type": "signature_delta", "signature": "c2lnbmVk"}, b"")
        block = {"type": "thinking", "thinking": answer.reasoning, "signature": "c2lnbmVk"}
        yield _Block(block, {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signature])
    if not answer.tool_calls:
        texts = [({"type": "text_delta", "text": piece}, in_utf8(piece)) for piece in answer.pieces]
        yield _Block({"type": "text", "text": answer.text}, {"type": "text", "text": ""}, texts)
    for call in answer.tool_calls:
        start = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        parts = [({"type": "input_json_delta", "partial_json": piece}, b"") for piece in call.pieces]
        yield _Block({**start, "input": call.arguments}, start, parts)


def _streamed(index: int, block: _Block) -> Iterator[Piece]:
    yield _event("content_block_start", index=index, content_block=block.start)
    for delta, text in block.deltas:
        yield _event("content_block_delta", text, index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def _message(answer: Answer, output_tokens: int, stop_reason: str | None) -> dict[str, object]:
    return {
        "id": f"msg_{answer.seq:012d}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": answer.input_tokens, "output_tokens": output_tokens},
    }


def _opening(answer: Answer) -> list[Piece]:
    # The real API, too, counts one output token before it sends any text.
    return [_event("message_start", message=_message(answer, 1, None))]


def _last_words(stop_reason: str | None, **more: object) -> Piece:
    delta = {} if stop_reason is None else {"stop_reason": stop_reason, "stop_sequence": None}
    return _event("message_delta", b"", delta=delta, **more)


def _output(answer: Answer) -> dict[str, object]:
    return {"output_tokens": answer.output_tokens}


def _stop_reason(answer: Answer) -> str:
    if answer.truncated:
        return "max_tokens"
    return "tool_use" if answer.tool_calls else "end_turn"


def _event(name: str, text: bytes = b"", **fields: object) -> Piece:
    return Piece(b"event: %b\ndata: %b\n\n" % (name.encode(), to_json({"type": name, **fields})), text)


def _error(error: ErrorAnswer) -> dict[str, object]:
    return {"type": "error", "error": {"type": error.anthropic_type, "message": error.anthropic_message}}
