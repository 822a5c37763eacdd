"""Pure: what the model that a request names asks of this endpoint, and the bytes of its answer."""

import base64
import re
from dataclasses import dataclass
from typing import Any, Self

AT_ONCE = "at-once"
_NAME = re.compile(r"after-(?P<ms>\d+)(?:-(?P<chunks>\d+)-chunks-(?P<per_s>\d+)-per-s)?")
_TEXT = "The same words for every request, so that every gateway passes on the same bytes."
_USAGE = '"usage":{"prompt_tokens":42,"completion_tokens":21,"total_tokens":63}'
_INPUT_USAGE = '"usage":{"prompt_tokens":42,"total_tokens":42}'
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Answers after so many seconds; a stream then has that many chunks with content, at that rate."""

    after_s: float = 0.0
    chunks: int = 1
    per_s: float = 1.0

    @classmethod
    def of(cls, model: str) -> Self:
        """`at-once`, `after-50`, `after-50-500-chunks-50-per-s`. Raises ValueError."""
        if model == AT_ONCE:
            return cls()
        if (found := _NAME.fullmatch(model)) is None:
            raise ValueError(f"the benchmarks' endpoint has no model {model!r}")
        after_s = int(found["ms"]) / 1000
        return cls(after_s, int(found["chunks"]), int(found["per_s"])) if found["chunks"] else cls(after_s)


def stream_model(after_ms: int, chunks: int, per_s: int) -> str:
    return f"after-{after_ms}-{chunks}-chunks-{per_s}-per-s"


def json_response(body: bytes) -> bytes:
    return _HEAD % (len(body), body)


def completion(number: int, model: str, text: str) -> bytes:
    """Each with an id of its own: some gateways make it the key of their log."""
    body = (
        f'{{"id":"chatcmpl-{number:028}","object":"chat.completion","created":1760000000,"model":"{model}","choices":'
        f'[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"logprobs":null,"finish_reason":"stop"}}],'
        f"{_USAGE}}}"
    )
    return json_response(body.encode())


_VECTOR = base64.b64encode(b"\x00\x00\x00\x3d" * 1536).decode()
_NUMBERS = ",".join(["0.03125"] * 1536)


def embeddings(asked: dict[str, Any], model: str) -> bytes:
    """Of 1536 dimensions, in the encoding that is asked for."""
    vector = f'"{_VECTOR}"' if asked.get("encoding_format") == "base64" else f"[{_NUMBERS}]"
    inputs = len(asked["input"]) if isinstance(asked["input"], list) else 1
    data = ",".join(f'{{"object":"embedding","index":{index},"embedding":{vector}}}' for index in range(inputs))
    return json_response(f'{{"object":"list","model":"{model}","data":[{data}],{_INPUT_USAGE}}}'.encode())


def ranking(asked: dict[str, Any], model: str) -> bytes:
    """The documents in their order."""
    results = ",".join(f'{{"index":{place},"relevance_score":0.5}}' for place in range(len(asked["documents"])))
    return json_response(f'{{"model":"{model}","results":[{results}],{_INPUT_USAGE}}}'.encode())


def answer(asked: dict[str, Any], number: int, model: str) -> bytes:
    """To what is asked, which its fields tell; `answer_bytes` is ours: how long the text of a completion is to be."""
    if "input" in asked:
        return embeddings(asked, model)
    if "documents" in asked:
        return ranking(asked, model)
    return completion(number, model, "x" * asked.get("answer_bytes", 0) or _TEXT)


class StreamBytes:
    """The pieces of one stream, as they go over the wire.

    The content of a chunk is `<sequence>:<when it was sent>`, the time in nanoseconds of the machine's monotonic clock.
    """

    def __init__(self, number: int, model: str) -> None:
        start = (
            f'data: {{"id":"chatcmpl-{number:028}","object":"chat.completion.chunk","created":1760000000,'
            f'"model":"{model}",'
        )
        choice = '"choices":[{"index":0,"delta":{"role":"assistant","content":"'
        self._before = (start + choice).encode()
        finish = f'{start}"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop"}}]}}\n\n'
        usage = f'{start}"choices":[],{_USAGE}}}\n\n'
        self._end = _http_chunk(f"{finish}{usage}data: [DONE]\n\n".encode()) + b"0\r\n\r\n"

    def chunk(self, sequence: int, sent_ns: int) -> bytes:
        piece = _http_chunk(b'%b%d:%d"},"finish_reason":null}]}\n\n' % (self._before, sequence, sent_ns))
        return piece if sequence else _STREAM_HEAD + piece

    def end(self) -> bytes:
        return self._end


def _http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
