"""The OpenAI wire: `POST /v1/chat/completions`."""

import json
from collections.abc import Iterator, Mapping

from deploy.model_server.answer import Answer, ToolCall, words
from deploy.model_server.errors import ErrorAnswer, invalid_request
from deploy.model_server.plan import Piece
from deploy.model_server.request import Request
from deploy.model_server.wire import Parts, in_utf8, to_json

_DONE = Piece(b"data: [DONE]\n\n")


class OpenAIWire:
    name = "openai"
    tells_text = True
    request_id_header = "x-request-id"

    def problem(self, _request: Request, body: Mapping[str, object]) -> ErrorAnswer | None:
        if not isinstance(body.get("model"), str):
            return invalid_request("you must provide a model parameter", "model")
        if not isinstance(body.get("messages"), list) or not body["messages"]:
            return invalid_request("Missing required parameter: 'messages'.", "messages")
        return None

    def completion(self, answer: Answer) -> bytes:
        choices = [
            {
                "index": index,
                "message": _message(answer),
                "logprobs": None,
                "finish_reason": _finish_reason(answer),
            }
            for index in range(answer.choices)
        ]
        return to_json({**_envelope(answer, "chat.completion"), "choices": choices, "usage": _usage(answer)})

    def events(self, answer: Answer) -> list[Piece]:
        opening, content, finish, usage, done = self.parts(answer)
        return opening + content + finish + usage * answer.include_usage + done

    def parts(self, answer: Answer) -> Parts:
        opening: dict[str, object] = {"role": "assistant", "content": ""}
        return Parts(
            [_chunk(answer, index, opening) for index in range(answer.choices)],
            [_chunk(answer, index, *delta) for delta in _deltas(answer) for index in range(answer.choices)],
            [_chunk(answer, index, {}, finish_reason=_finish_reason(answer)) for index in range(answer.choices)],
            [_event({**_envelope(answer, "chat.completion.chunk"), "choices": [], "usage": _usage(answer)})],
            [_DONE],
        )

    def with_usage(self, event: Piece, answer: Answer) -> Piece:
        body = json.loads(event.data.removeprefix(b"data: "))
        return event._replace(data=_event({**body, "usage": _usage(answer)}).data)

    def silent_delta(self, answer: Answer) -> Piece:
        return _chunk(answer, 0, {})

    def hollow_completion(self, answer: Answer) -> bytes:
        return to_json({**_envelope(answer, "chat.completion"), "usage": _usage(answer)})

    def hollow_events(self, answer: Answer) -> list[Piece]:
        return [_event(_envelope(answer, "chat.completion.chunk")), _DONE]

    def error(self, error: ErrorAnswer) -> bytes:
        return to_json(_error(error))

    def error_event(self, error: ErrorAnswer) -> Piece:
        return _event(_error(error))

    def error_choice(self, answer: Answer, error: ErrorAnswer) -> Piece:
        choice = {**_choice(0, {"content": ""}, "error"), "error": {"code": error.status, "message": error.message}}
        return _event({**_envelope(answer, "chat.completion.chunk"), "choices": [choice]})


def _envelope(answer: Answer, kind: str) -> dict[str, object]:
    return {
        "id": f"chatcmpl-{answer.seq:012d}",
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "system_fingerprint": "fp_demo",
    }


def _message(answer: Answer) -> dict[str, object]:
    message: dict[str, object] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.tool_calls:
        calls = [_tool_call(call, call.arguments_json) for call in answer.tool_calls]
        message |= {"content": None, "tool_calls": calls}
    return message


def _tool_call(call: ToolCall, arguments: str) -> dict[str, object]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _deltas(answer: Answer) -> Iterator[tuple[dict[str, object], bytes]]:
    """Each with the text that it brings."""
    for piece in words(answer.reasoning):
        yield {"reasoning_content": piece}, b""
    for piece in answer.pieces:
        yield {"content": piece}, in_utf8(piece)
    for index, call in enumerate(answer.tool_calls):
        yield {"tool_calls": [{"index": index, **_tool_call(call, arguments="")}]}, b""
        for piece in call.pieces:
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, b""


def _finish_reason(answer: Answer) -> str:
    if answer.truncated:
        return "length"
    return "tool_calls" if answer.tool_calls else "stop"


def _usage(answer: Answer) -> dict[str, object]:
    output_tokens = answer.output_tokens * answer.choices
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": answer.input_tokens + output_tokens,
    }


def _choice(index: int, delta: dict[str, object], finish_reason: str | None) -> dict[str, object]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _chunk(
    answer: Answer, index: int, delta: dict[str, object], text: bytes = b"", finish_reason: str | None = None
) -> Piece:
    chunk = {**_envelope(answer, "chat.completion.chunk"), "choices": [_choice(index, delta, finish_reason)]}
    return _event({**chunk, "usage": None} if answer.include_usage else chunk, text)


def _event(data: Mapping[str, object], text: bytes = b"") -> Piece:
    return Piece(b"data: %b\n\n" % to_json(data), text)


def _error(error: ErrorAnswer) -> dict[str, object]:
    fields = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    return {"error": fields}
