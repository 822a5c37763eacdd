"""The messages between the benchmark and its load generator."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self
from urllib.parse import urlsplit

_PATH = "/v1/chat/completions"
_PROMPT = "In two sentences: why do the books of a gateway have to balance?"


@dataclass(frozen=True, kw_only=True)
class LoadOrder:
    """request: the whole HTTP request, sent as it is. Answers within `warm_s` are not counted; callers that wait
    longer than `grace_s` past the end are given up."""

    host: str
    port: int
    request: str
    callers: int
    warm_s: float
    seconds: float
    grace_s: float = 30.0

    @classmethod
    def decoded(cls, line: str) -> Self:
        return cls(**json.loads(line))

    def encoded(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """statuses: of all answers, also uncounted ones. lost: connections that broke. unanswered: callers given up.
    latencies_us: of the counted answers with status 200."""

    statuses: dict[str, int]
    lost: int
    unanswered: int
    seconds: float
    latencies_us: list[int]

    @classmethod
    def decoded(cls, line: str) -> Self:
        return cls(**json.loads(line))

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


def chat_request(url: str, model: str, headers: Mapping[str, str]) -> str:
    """A chat completion as it goes over the wire."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": _PROMPT}]})
    fields = {"host": urlsplit(url).netloc, "content-type": "application/json", "content-length": str(len(body))}
    lines = [f"{name}: {value}\r\n" for name, value in (fields | dict(headers)).items()]
    return f"POST {_PATH} HTTP/1.1\r\n{''.join(lines)}\r\n{body}"
