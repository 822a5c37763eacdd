"""The messages between the benchmark and its load generator."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

CHAT_PATH = "/v1/chat/completions"
_PROMPT = "In two sentences: why do the books of a gateway have to balance?"


@dataclass(frozen=True, kw_only=True)
class LoadOrder:
    """request: the whole HTTP request, sent as it is. chunks: of each stream that it asks for; 0: plain answers.
    Callers begin one after the other within `spread_s`. Answers within `warm_s` are not counted; callers that wait
    longer than `grace_s` past the end are given up."""

    host: str
    port: int
    request: str
    callers: int
    warm_s: float
    seconds: float
    grace_s: float = 30.0
    spread_s: float = 0.0
    chunks: int = 0

    @classmethod
    def decoded(cls, line: str) -> Self:
        return cls(**json.loads(line))

    def encoded(self) -> str:
        return json.dumps(asdict(self))


@dataclass(slots=True)
class StreamsSeen:
    """first_chunk_us: since the request was sent, of each stream. delays_us: of each counted chunk, since the endpoint
    sent it. lost, doubled: chunks. ended: streams that came to an end; unfinished: those of them without `[DONE]`."""

    first_chunk_us: list[int] = field(default_factory=list)
    delays_us: list[int] = field(default_factory=list)
    chunks: int = 0
    lost: int = 0
    doubled: int = 0
    ended: int = 0
    unfinished: int = 0

    def stream_ended(self, missing: int, *, is_done: bool) -> None:
        self.ended += 1
        self.lost += missing
        self.unfinished += not is_done


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """statuses: of all answers, also uncounted ones. lost: connections that broke. unanswered: callers given up.
    latencies_us: of the counted answers with status 200."""

    statuses: dict[str, int]
    lost: int
    unanswered: int
    seconds: float
    latencies_us: list[int]
    streams: StreamsSeen = field(default_factory=StreamsSeen)

    @classmethod
    def decoded(cls, line: str) -> Self:
        values = json.loads(line)
        return cls(**values | {"streams": StreamsSeen(**values["streams"])})

    @property
    def answered(self) -> int:
        return sum(self.statuses.values())

    @property
    def succeeded(self) -> int:
        return self.statuses.get("200", 0)

    @property
    def problems(self) -> int:
        return self.answered - self.succeeded + self.lost + self.unanswered

    def encoded(self) -> str:
        return json.dumps(asdict(self))


def chat_body(*, stream: bool = False) -> dict[str, Any]:
    """Without its model."""
    return {"messages": [{"role": "user", "content": _PROMPT}]} | ({"stream": True} if stream else {})


def chat_request(
    url: str, model: str, headers: Mapping[str, str], *, path: str = CHAT_PATH, stream: bool = False
) -> str:
    """A chat completion as it goes over the wire."""
    return post_request(url, path, headers, {"model": model, **chat_body(stream=stream)})


def post_request(url: str, path: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> str:
    """As it goes over the wire."""
    sent = json.dumps(body)
    fields = {"host": urlsplit(url).netloc, "content-type": "application/json", "content-length": str(len(sent))}
    lines = [f"{name}: {value}\r\n" for name, value in (fields | dict(headers)).items()]
    return f"POST {path} HTTP/1.1\r\n{''.join(lines)}\r\n{sent}"
