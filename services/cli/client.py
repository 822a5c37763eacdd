"""HTTP to the gateway: JSON in and out, every failure a ProblemError."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import IO, Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from services.cli.problem import Problem, ProblemError

# The gateway ends what passes its deadline, an hour at most; this only ends a wait for a gateway that is gone.
COMPLETION_TIMEOUT_S = 3700.0
_TIMEOUT_S = 30.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Answer(NamedTuple):
    body: Any
    headers: Message
    status: int = 200


class Client:
    def __init__(self, url: str, key: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        self.url = _checked(url)
        self._headers = {"Accept": "application/json", "User-Agent": "tallygate-cli", **(headers or {})}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str, timeout_s: float = _TIMEOUT_S, **query: str | None) -> Answer:
        given = {name: value for name, value in query.items() if value is not None}
        return self._ask("GET", f"{path}?{urlencode(given)}" if given else path, None, timeout_s)

    def post(self, path: str, body: Any, timeout_s: float = _TIMEOUT_S) -> Answer:
        return self._ask("POST", path, body, timeout_s)

    def patch(self, path: str, body: Any) -> Answer:
        return self._ask("PATCH", path, body, _TIMEOUT_S)

    def delete(self, path: str) -> Answer:
        return self._ask("DELETE", path, None, _TIMEOUT_S)

    def _ask(self, method: str, path: str, body: Any, timeout_s: float) -> Answer:
        answer = self.send(method, path, body, timeout_s)
        if answer.status < 300:
            return answer
        problem = Problem.parse(answer.body, answer.status) if isinstance(answer.body, dict) else None
        raise ProblemError(problem or self._stranger(f"{answer.status} to {method} {path}"))

    def send(self, method: str, path: str, body: Any = None, timeout_s: float = _TIMEOUT_S) -> Answer:
        """The answer whatever its status. Raises ProblemError when there is none, or none in JSON."""
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({"Content-Type": "application/json"} if data else {})
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 - checked
        try:
            with _opener(self.url).open(request, timeout=timeout_s) as response:
                return self._read(response, response.status, response.headers)
        except urllib.error.HTTPError as error:
            with error:
                return self._read(error, error.code, error.headers)
        except (OSError, http.client.HTTPException) as error:
            raise ProblemError(self._unreachable(error, timeout_s)) from None

    def _read(self, response: IO[bytes], status: int, headers: Message) -> Answer:
        raw = response.read()
        try:
            return Answer(json.loads(raw) if raw else None, headers, status)
        except ValueError:
            raise ProblemError(self._stranger(f"{status} and something that is not JSON")) from None

    def _unreachable(self, error: Exception, timeout_s: float) -> Problem:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            return Problem("read_timeout", f"{self.url} did not answer within {timeout_s:.0f} s")
        said = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        tips = (
            "Start it: make run",
            "Or name another: --gateway URL, or TALLYGATE_GATEWAY_URL=URL",
        )
        return Problem("endpoint_unreachable", f"nothing answers at {self.url}: {said}", tips)

    def _stranger(self, said: str) -> Problem:
        tips = ("Check --gateway and TALLYGATE_GATEWAY_URL: something else may listen there.",)
        return Problem("bad_response", f"{self.url} answered {said}", tips)


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
