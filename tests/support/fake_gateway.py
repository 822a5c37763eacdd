"""A gateway that answers as it is told, in the loop of its test: what the console asks of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.test_utils import TestServer

KEY = "tg_console.secret"
CALLER = {"tenant": "acme", "key_id": "console", "scopes": ["admin"], "allowed_models": None, "max_priority": None}

Told = tuple[int, Any]


class Asked(NamedTuple):
    """person: who acts with the key, as the console says."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    person: str = ""


Answer = Callable[[Asked], Told]


class FakeGateway:
    """answers: by "METHOD /path", called with what was asked. otherwise: of what is not there; 404, as an older
    gateway says it. A key of none of the callers is 401. url: the same when it was closed and opened again."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.otherwise: Answer = _missing
        self.callers: dict[str, dict[str, Any]] = {KEY: CALLER}
        self.asked: list[Asked] = []
        self._port: int | None = None
        self._server: TestServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._server = TestServer(app, port=self._port)
        await self._server.start_server()
        self._port = self._server.port

    async def close(self) -> None:
        if self._server is not None:
            await self._server.close()

    def gets(self, path: str, body: Any, status: int = 200) -> None:
        self.answers[f"GET {path}"] = lambda _: (status, body)

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        asked = Asked(
            request.method, request.path, dict(request.query), body, request.headers.get("x-tallygate-person", "")
        )
        self.asked.append(asked)
        caller = self.callers.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        told = self.answers.get(f"{asked.method} {asked.path}")
        if caller is None:
            status, answer = 401, problem("authentication_failed", "the API key is unknown or was revoked")
        elif told is None and asked.path == "/api/caller":
            status, answer = 200, caller
        else:
            status, answer = (told or self.otherwise)(asked)
        return web.json_response(answer, status=status)


def problem(error_type: str, detail: str, *tips: str) -> dict[str, Any]:
    """As the gateway renders it, in the members that are read."""
    return {"title": "It failed", "detail": detail, "code": error_type, "error_type": error_type, "tips": tips}


def _missing(_: Asked) -> Told:
    return 404, problem("endpoint_not_found", "there is no such path here")


@asynccontextmanager
async def fake_gateway() -> AsyncIterator[FakeGateway]:
    gateway = FakeGateway()
    await gateway.open()
    try:
        yield gateway
    finally:
        await gateway.close()
