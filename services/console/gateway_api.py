"""The gateway's API, asked with the key of who signed in."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from shared.client import Answer, Problem, ProblemError
from shared.client.async_client import AsyncClient

PERSON_HEADER = "x-tallygate-person"

# A page that asks again and again, and the playground, have connections of their own.
_CONNECTIONS = 100

# The gateway says itself when an answer takes too long, and while one is awaited it sends comments.
_STREAMED = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=120)

Query = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Part:
    """One of several answers that a page is made of. body: None when the gateway refused; then problem says why."""

    body: Any
    problem: Problem | None = None


def open_session(timeout_s: float) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
        timeout=aiohttp.ClientTimeout(total=timeout_s),
        cookie_jar=aiohttp.DummyCookieJar(),  # what one caller is told is none of the next one's
    )


class GatewayApi:
    """Methods raise ProblemError: its `problem.status` is None when the gateway gave no answer."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str, person: str = "") -> None:
        """person: who acts with the key, where that is somebody else than its owner."""
        self._session, self._url, self._key = session, url.rstrip("/"), key
        self._standing = {PERSON_HEADER: quote(person, safe=" @")} if person else {}
        self._client = AsyncClient(session, self._url, key)

    async def get(self, path: str, query: Query | None = None) -> Any:
        """The JSON value. query: names without a value are left out."""
        return await self.ask("GET", path, query=query)

    async def part(self, path: str, query: Query | None = None) -> Part:
        """As `get`, for a page that can be shown without it: raises only where no other answer would come either."""
        try:
            return Part(await self.get(path, query))
        except ProblemError as error:
            if is_away(error.problem) or error.problem.status == 401:
                raise
            return Part(None, error.problem)

    async def ask(
        self, method: str, path: str, body: Any = None, *, query: Query | None = None,
        headers: Mapping[str, str] | None = None, timeout_s: float | None = None,
    ) -> Any:  # fmt: skip
        """The JSON value, None for an empty answer. timeout_s: otherwise that of the settings."""
        given = {name: value for name, value in (query or {}).items() if value}
        target = path + (f"?{urlencode(given)}" if given else "")
        answer = await self.send(method, target, body, headers=headers, timeout_s=timeout_s)
        if answer.status < 300:
            return _json(answer, f"{method} {path}")
        problem = Problem.parse(answer)
        raise ProblemError(problem or stranger(answer, f"{method} {path}"))

    async def send(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:  # fmt: skip
        """The answer whatever its status."""
        with _reached():
            standing = self._standing | dict(headers or {})
            return await self._client.send(method, path, body, headers=standing, timeout_s=timeout_s)

    async def stream(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> aiohttp.ClientResponse:
        """The answer, whatever its status, of which only the head was read. Whoever asks closes it."""
        with _reached():
            return await self._session.request(
                method, self._url + path, json=body,
                headers={"authorization": f"Bearer {self._key}"} | dict(headers or {}), timeout=_STREAMED,
            )  # fmt: skip


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise ProblemError(_unreachable("it did not answer in time")) from None
    except aiohttp.ClientConnectorError:
        raise ProblemError(_unreachable("nothing answers at its address")) from None
    except (aiohttp.ClientError, OSError, UnicodeDecodeError) as error:
        raise ProblemError(_unreachable(type(error).__name__)) from None


def is_away(problem: Problem) -> bool:
    """Whether the gateway, or what stands behind it, cannot answer now and may soon."""
    return problem.status is None or problem.status in (502, 503, 504)


def is_missing(problem: Problem) -> bool:
    """Whether the gateway does not have the path at all, as an older one."""
    return problem.error_type == "endpoint_not_found" and problem.status == 404


def _json(answer: Answer, asked: str) -> Any:
    try:
        return answer.body
    except ValueError:
        raise ProblemError(stranger(answer, asked)) from None


def _unreachable(why: str) -> Problem:
    tips = (
        "It comes back by itself: pages ask again every few seconds.",
        "Operators: look at `tallygate status`, and at TALLYGATE_GATEWAY_URL of the console.",
    )
    return Problem("endpoint_unreachable", f"The gateway cannot be reached: {why}", tips)


def stranger(answer: Answer, asked: str) -> Problem:
    tips = ("Operators: check TALLYGATE_GATEWAY_URL of the console; something else may listen there.",)
    return Problem("bad_response", f"Something that is not our gateway answered {answer.status} to {asked}", tips, 502)
