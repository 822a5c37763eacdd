"""Messages asked of an endpoint of OpenAI's chat form: what tests of requests, answers and streams share."""

from typing import Any

import orjson

from shared.wire.messages.exchanges import MessagesByChat

EXCHANGE = MessagesByChat()


_Object = dict[str, Any]


def text(words: str, **more: Any) -> _Object:
    return {"type": "text", "text": words, **more}


def answered(message: _Object, finish_reason: Any = "stop", **more: Any) -> _Object:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason, **more}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "model": "up-1", "choices": [choice], "usage": USAGE}
    told: _Object = orjson.loads(EXCHANGE.completion(orjson.dumps(body)).body)
    return told


USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}


def called(name: str = "find", arguments: Any = '{"city": "Bern"}', call_id: Any = "call_1") -> _Object:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def blocks_in(events: list[_Object]) -> list[_Object]:
    """What they add up to, by the rules of the form: blocks in a row, by their index, none within another."""
    blocks: list[_Object] = []
    is_open = False
    for event in events:
        match event["type"]:
            case "content_block_start":
                assert (event["index"], is_open) == (len(blocks), False)
                blocks.append({**event["content_block"], "json": ""})
                is_open = True
            case "content_block_delta":
                assert (event["index"], is_open) == (len(blocks) - 1, True)
                delta = event["delta"]
                name = {"input_json_delta": "json"}.get(delta["type"], delta["type"].removesuffix("_delta"))
                blocks[-1][name] += delta.get("partial_json") or delta.get(name)
            case "content_block_stop":
                assert (event["index"], is_open) == (len(blocks) - 1, True)
                is_open = False
    assert not is_open
    return [
        {name: value for name, value in block.items() if name != "json"}
        | ({"input": orjson.loads(block["json"] or "{}")} if block["type"] == "tool_use" else {})
        for block in blocks
    ]
