"""The Anthropic wire: `POST /v1/messages`."""

from collections.abc import Mapping

from deploy.model_server.answer import Answer
from deploy.model_server.errors import ErrorAnswer, invalid_request
from deploy.model_server.request import Request
from deploy.model_server.wire import to_json


class AnthropicWire:
    name = "anthropic"
    request_id_header = "request-id"

    def problem(self, request: Request, body: Mapping[str, object]) -> ErrorAnswer | None:
        if "anthropic-version" not in request.headers:
            return invalid_request("anthropic-version: header is required")
        kinds = {"model": str, "messages": list, "max_tokens": int}
        for field, kind in kinds.items():
            if not isinstance(body.get(field), kind):
                return invalid_request(f"{field}: Field required", field)
        return None if body["messages"] else invalid_request("messages: at least one message is required")

    def completion(self, answer: Answer) -> bytes:
        content = [{**_block(answer), **_block_content(answer)}]
        return to_json({**_message(answer, answer.output_tokens, _stop_reason(answer)), "content": content})

    def events(self, answer: Answer) -> list[bytes]:
        return [
            *_opening(answer),
            _event("content_block_start", index=0, content_block=_block(answer)),
            _event("ping"),
            *(_event("content_block_delta", index=0, delta=delta) for delta in _deltas(answer)),
            _event("content_block_stop", index=0),
            *_closing(answer),
        ]

    def hollow_completion(self, answer: Answer) -> bytes:
        message = _message(answer, answer.output_tokens, _stop_reason(answer))
        return to_json({name: value for name, value in message.items() if name != "content"})

    def hollow_events(self, answer: Answer) -> list[bytes]:
        return [*_opening(answer), *_closing(answer)]

    def error(self, error: ErrorAnswer) -> bytes:
        return to_json(_error(error))

    def error_event(self, error: ErrorAnswer) -> bytes:
        return _event("error", error=_error(error)["error"])


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


def _opening(answer: Answer) -> list[bytes]:
    # The real API, too, counts one output token before it sends any text.
    return [_event("message_start", message=_message(answer, 1, None))]


def _closing(answer: Answer) -> list[bytes]:
    delta = {"stop_reason": _stop_reason(answer), "stop_sequence": None}
    usage = {"output_tokens": answer.output_tokens}
    return [_event("message_delta", delta=delta, usage=usage), _event("message_stop")]


def _stop_reason(answer: Answer) -> str:
    if answer.truncated:
        return "max_tokens"
    return "end_turn" if answer.tool_call is None else "tool_use"


def _block(answer: Answer) -> dict[str, object]:
    if answer.tool_call is None:
        return {"type": "text", "text": ""}
    return {"type": "tool_use", "id": f"toolu_{answer.seq:012d}", "name": answer.tool_call.name, "input": {}}


def _block_content(answer: Answer) -> dict[str, object]:
    return {"text": answer.text} if answer.tool_call is None else {"input": answer.tool_call.arguments}


def _deltas(answer: Answer) -> list[dict[str, object]]:
    if answer.tool_call is None:
        return [{"type": "text_delta", "text": piece} for piece in answer.pieces]
    return [{"type": "input_json_delta", "partial_json": answer.tool_call.arguments_json}]


def _event(name: str, **fields: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), to_json({"type": name, **fields}))


def _error(error: ErrorAnswer) -> dict[str, object]:
    return {"type": "error", "error": {"type": error.anthropic_type, "message": error.anthropic_message}}
