"""`/healthz` (alive), `/readyz` (can do its work; if not, why) and `/metrics`, the same on every service."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.background import dead_tasks
from shared.telemetry.instruments import metrics_route

# Returns None when all is well, otherwise one sentence that says what is wrong.
Check = Callable[[], Awaitable[str | None]]
Checks = dict[str, Check]
# What an operator should know of a service that can do its work all the same.
Notes = Callable[[], dict[str, str]]


def health_routes(service: str) -> list[Route]:
    """The service puts its checks into `app.state.checks` when it has started, and maybe its `notes` beside them."""
    return [Route("/healthz", _alive), Route("/readyz", _ready(service)), Route("/metrics", metrics_route(service))]


async def _alive(_: Request) -> Response:
    """Whoever restarts what is not alive must not do so for a task that has died alone: it is named, and not ready."""
    dead = dead_tasks()
    return _json({"status": "alive"} | ({"dead_tasks": dead} if dead else {}), 200)


def _ready(service: str) -> Callable[[Request], Awaitable[Response]]:
    async def readyz(request: Request) -> Response:
        checks: Checks = request.app.state.checks
        reasons = {name: reason for name, check in checks.items() if (reason := await check()) is not None}
        if dead := dead_tasks():
            reasons["tasks"] = f"ended by an error, which the log tells; restart the service: {', '.join(dead)}"
        state = {"service": service, "status": "not ready" if reasons else "ready", "reasons": reasons}
        notes: Notes | None = getattr(request.app.state, "notes", None)
        if notes is not None:
            state["notes"] = notes()
        return _json(state, 503 if reasons else 200)

    return readyz


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
