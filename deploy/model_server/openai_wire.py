"""The OpenAI wire: `POST /v1/chat/completions`."""

from collections.abc import Mapping

from deploy.model_server.answer import Answer, ToolCall
from deploy.model_server.errors import ErrorAnswer, invalid_request
from deploy.model_server.request import Request
from deploy.model_server.wire import to_json


class OpenAIWire:
    name = "openai"
    request_id_header = "x-request-id"

    def problem(self, _request: Request, body: Mapping[str, object]) -> ErrorAnswer | None:
        if not isinstance(body.get("model"), str):
            return invalid_request("you must provide a model parameter", "model")
        if not isinstance(body.get("messages"), list) or not body["messages"]:
            return invalid_request("Missing required parameter: 'messages'.", "messages")
        return None

    def completion(self, answer: Answer) -> bytes:
        choice = {
            "index": 0,
            "message": _message(answer),
            "logprobs": None,
            "finish_reason": _finish_reason(answer),
        }
        return to_json({**_envelope(answer, "chat.completion"), "choices": [choice], "usage": _usage(answer)})

    def events(self, answer: Answer) -> list[bytes]:
        opening: dict[str, object] = {"role": "assistant", "content": ""}
        choices = [_choice(delta, None) for delta in (opening, *_deltas(answer))]
        choices.append(_choice({}, _finish_reason(answer)))
        return [_chunk(answer, [choice]) for choice in choices] + _last_events(answer)

    def hollow_completion(self, answer: Answer) -> bytes:
        return to_json({**_envelope(answer, "chat.completion"), "usage": _usage(answer)})

    def hollow_events(self, answer: Answer) -> list[bytes]:
        return [_event(_envelope(answer, "chat.completion.chunk")), b"data: [DONE]\n\n"]

    def error(self, error: ErrorAnswer) -> bytes:
        return to_json(_error(error))

    def error_event(self, error: ErrorAnswer) -> bytes:
        return _event(_error(error))


def _envelope(answer: Answer, kind: str) -> dict[str, object]:
    return {
        "id": f"chatcmpl-{answer.seq:012d}",
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "system_fingerprint": "fp_demo",
    }


def _message(answer: Answer) -> dict[str, object]:
    if (tool_call := answer.tool_call) is None:
        return {"role": "assistant", "content": answer.text, "refusal": None}
    call = _tool_call(answer, tool_call, tool_call.arguments_json)
    return {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}


def _tool_call(answer: Answer, tool_call: ToolCall, arguments: str) -> dict[str, object]:
    function = {"name": tool_call.name, "arguments": arguments}
    return {"id": f"call_{answer.seq:012d}", "type": "function", "function": function}


def _deltas(answer: Answer) -> list[dict[str, object]]:
    if (tool_call := answer.tool_call) is None:
        return [{"content": piece} for piece in answer.pieces]
    start = {"index": 0, **_tool_call(answer, tool_call, arguments="")}
    arguments = {"index": 0, "function": {"arguments": tool_call.arguments_json}}
    return [{"tool_calls": [start]}, {"tool_calls": [arguments]}]


def _finish_reason(answer: Answer) -> str:
    if answer.truncated:
        return "length"
    return "stop" if answer.tool_call is None else "tool_calls"


def _usage(answer: Answer) -> dict[str, object]:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }


def _choice(delta: dict[str, object], finish_reason: str | None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _chunk(answer: Answer, choices: list[dict[str, object]]) -> bytes:
    chunk = {**_envelope(answer, "chat.completion.chunk"), "choices": choices}
    return _event({**chunk, "usage": None} if answer.include_usage else chunk)


def _last_events(answer: Answer) -> list[bytes]:
    usage = {**_envelope(answer, "chat.completion.chunk"), "choices": [], "usage": _usage(answer)}
    return [_event(usage)] * answer.include_usage + [b"data: [DONE]\n\n"]


def _event(data: Mapping[str, object]) -> bytes:
    return b"data: %b\n\n" % to_json(data)


def _error(error: ErrorAnswer) -> dict[str, object]:
    fields = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    return {"error": fields}
