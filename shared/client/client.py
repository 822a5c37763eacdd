"""The client that waits for each answer. Its HTTP is the standard library's, so that commands start fast."""

import http.client
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

from shared.client.answer import Answer
from shared.client.problem import Problem, ProblemError
from shared.client.streamed import Event, Streamed, events_of, problem_in
from shared.wire.reading.server_events import EventTooLargeError

# The gateway ends what passes its deadline, an hour at most; this only ends a wait for a gateway that is gone.
COMPLETION_TIMEOUT_S = 3700.0
_TIMEOUT_S = 30.0
_EVENTS_TIMEOUT_S = 60.0  # the gateway says that it is there more often than that
_PART_BYTES = 256 * 1024
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}

T = TypeVar("T")


class Client:
    """A client of one gateway, with one key. Methods raise ProblemError when the gateway does not answer, or another
    program does.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        self.url = _checked(url)
        self.key = key
        self._headers = {"Accept": "application/json", "User-Agent": "tallygate"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str, timeout_s: float = _TIMEOUT_S, /, **query: str | None) -> Answer:
        given = {name: value for name, value in query.items() if value is not None}
        return self._ask("GET", f"{path}?{urlencode(given)}" if given else path, None, timeout_s)

    def post(
        self, path: str, body: Any, timeout_s: float = _TIMEOUT_S, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return self._ask("POST", path, body, timeout_s, headers)

    def patch(self, path: str, body: Any) -> Answer:
        return self._ask("PATCH", path, body, _TIMEOUT_S)

    def put(self, path: str, body: Any) -> Answer:
        return self._ask("PUT", path, body, _TIMEOUT_S)

    def delete(self, path: str) -> Answer:
        return self._ask("DELETE", path, None, _TIMEOUT_S)

    def _ask(
        self, method: str, path: str, body: Any, timeout_s: float, headers: Mapping[str, str] | None = None
    ) -> Answer:
        answer = self.send(method, path, body, timeout_s, headers)
        if answer.status < 300:
            return answer
        raise self._refusal(answer, f"{method} {path}")

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        timeout_s: float = _TIMEOUT_S,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer whatever its status; its body is JSON, or empty."""
        answer = self._sent(self._request(method, path, body, headers), timeout_s)
        try:
            _ = answer.body
        except ValueError:
            raise self._stranger(f"{answer.status} and something that is not JSON") from None
        return answer

    def text(self, path: str, timeout_s: float = _TIMEOUT_S) -> str:
        """What is no JSON, such as /metrics."""
        answer = self._sent(self._request("GET", path, None, {"Accept": "*/*"}), timeout_s)
        if answer.status < 300:
            return answer.text
        raise self._refusal(answer, f"GET {path}")

    def upload(self, path: str, fields: Mapping[str, str], file: Path, timeout_s: float = _TIMEOUT_S) -> Answer:
        """A form with a file, read as it is sent. timeout_s: for each part of it, and for the answer."""
        boundary = uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        shown = quote(file.name, safe=" ")
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{shown}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        head, tail = "".join(parts).encode(), f"\r\n--{boundary}--\r\n".encode()
        sent = self._headers | {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + file.stat().st_size + len(tail)),
        }
        data = _sent_in_parts(head, file, tail)
        request = urllib.request.Request(self.url + path, data, sent, method="POST")  # noqa: S310 - checked
        answer = self._sent(request, timeout_s)
        if answer.status < 300:
            return answer
        raise self._refusal(answer, f"POST {path}")

    def download(self, path: str, file: Path, timeout_s: float = _TIMEOUT_S) -> None:
        """Into a file, which is there when all has come. timeout_s: for each part of it."""
        part = file.with_name(f"{file.name}.part")
        request = self._request("GET", path, None, {"Accept": "*/*"})
        with self._streamed(request, timeout_s) as response, part.open("wb") as out:
            shutil.copyfileobj(response, out, _PART_BYTES)
        part.replace(file)

    def lines(self, path: str, body: Any, timeout_s: float = _TIMEOUT_S) -> Iterator[Any]:
        """The JSON values of an answer as they come, a line each. timeout_s: for each of them.
        Raises ProblemError also for an error that is told in the middle of them."""
        request = self._request("POST", path, body, {"Accept": "application/x-ndjson"})
        with self._streamed(request, timeout_s) as response:
            for value in map(json.loads, response):
                alone = isinstance(value, dict) and value.keys() == {"error"}  # a step of a probe has one too
                yield _unless_error(value["error"] if alone else None, value)

    def events(self, path: str, after: str = "") -> Iterator[Event]:
        """Server-sent events until the stream ends, also when it was broken off. after: the id of the last one that was
        had before. Raises ProblemError also for an error that is told in the middle of them."""
        headers = {"Last-Event-ID": after} if after else None
        with self._streamed(self._request("GET", path, None, headers), _EVENTS_TIMEOUT_S) as response:
            for event in events_of(response):
                yield _unless_error(event.data if event.name == "error" else None, event)

    def stream(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Streamed:
        """A completion as it comes, to a body that asks for a stream. For a `with` block."""
        asked = self._request("POST", path, body, {"Accept": "text/event-stream"} | dict(headers or {}))
        with self._or_unreachable(_EVENTS_TIMEOUT_S):
            response = self._opened(asked, _EVENTS_TIMEOUT_S)
        if response.headers.get_content_type() == "text/event-stream":
            return Streamed(response, f"POST {path}")
        response.close()
        raise self._stranger("something that is no stream")

    def _request(self, method: str, path: str, body: Any, headers: Mapping[str, str] | None) -> urllib.request.Request:
        data = None if body is None else json.dumps(body).encode()
        sent = self._headers | ({"Content-Type": "application/json"} if data else {}) | dict(headers or {})
        return urllib.request.Request(self.url + path, data, sent, method=method)  # noqa: S310 - checked

    def _sent(self, request: urllib.request.Request, timeout_s: float) -> Answer:
        with self._or_unreachable(timeout_s):
            try:
                with _opener(self.url).open(request, timeout=timeout_s) as response:
                    return _read(response)
            except urllib.error.HTTPError as error:
                with error:
                    return _read(error)

    @contextmanager
    def _streamed(self, request: urllib.request.Request, timeout_s: float) -> Iterator[http.client.HTTPResponse]:
        with self._or_unreachable(timeout_s):
            try:
                with self._opened(request, timeout_s) as response:
                    yield response
            except (ValueError, EventTooLargeError):
                raise self._stranger("something that is not JSON") from None

    def _opened(self, request: urllib.request.Request, timeout_s: float) -> http.client.HTTPResponse:
        try:
            response: http.client.HTTPResponse = _opener(self.url).open(request, timeout=timeout_s)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(_read(error), f"{request.get_method()} {request.selector}") from None
        return response

    @contextmanager
    def _or_unreachable(self, timeout_s: float) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            raise ProblemError(self._unreachable(error, timeout_s)) from None

    def _refusal(self, answer: Answer, asked: str) -> ProblemError:
        problem = Problem.parse(answer)
        return self._stranger(f"{answer.status} to {asked}") if problem is None else ProblemError(problem)

    def _unreachable(self, error: Exception, timeout_s: float) -> Problem:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            return Problem("read_timeout", f"{self.url} did not answer within {timeout_s:.0f} s")
        why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        tips = (
            "Start it: make run",
            "Or name another: --gateway URL, or TALLYGATE_GATEWAY_URL=URL",
        )
        return Problem("endpoint_unreachable", f"nothing answers at {self.url}: {why}", tips)

    def _stranger(self, answered: str) -> ProblemError:
        tips = ("Check --gateway and TALLYGATE_GATEWAY_URL: something else may listen there.",)
        return ProblemError(Problem("bad_response", f"{self.url} answered {answered}", tips))


def _sent_in_parts(head: bytes, file: Path, tail: bytes) -> Iterator[bytes]:
    yield head
    with file.open("rb") as content:
        while part := content.read(_PART_BYTES):
            yield part
    yield tail


def _read(response: Any) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, headers, response.read().decode(errors="replace"))


def _unless_error(error: Any, value: T) -> T:
    """The gateway could not go on after its answer had begun."""
    if isinstance(error, dict) and "error_type" in error:
        raise problem_in(error, "the answer")
    return value


def in_path(text: str) -> str:
    return quote(text, safe=":")


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known:
        tips = ("Set it with --gateway, or TALLYGATE_GATEWAY_URL.",)
        raise ProblemError(Problem("invalid_request", f"{url!r} is not a URL like http://127.0.0.1:8000", tips))
    return url.strip().rstrip("/")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Proxies of the environment are for what lies beyond this machine."""
    direct = [urllib.request.ProxyHandler({})] if urlsplit(url).hostname in _LOOPBACK else []
    return urllib.request.build_opener(_NoRedirect, *direct)
