"""GET /api/instances: who is at work, what waits for a router, and what could not be handled.

For operators, as it tells of all tenants together.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.monitor.books.lag import Lag
from services.monitor.recovery.liveness import SeenRouter
from services.monitor.recovery.offsets import Offsets
from shared.access import Authenticator
from shared.errors import TallygateError
from shared.events import utc_now
from shared.events.topics import BULK_REQUESTS, DLQ_SUFFIX, REQUESTS
from shared.kafka import KafkaError
from shared.kafka.failures import described

_RECENT = timedelta(days=1)


class Instances:
    def __init__(
        self,
        name: str,
        authenticator: Authenticator,
        lag: Lag,
        offsets: Offsets,
        routers: Callable[[], Sequence[SeenRouter]],
    ) -> None:
        """name: of this monitor. routers: those that it has heard in the last minute."""
        self._name = name
        self._authenticator = authenticator
        self._lag = lag
        self._offsets = offsets
        self._routers = routers

    async def shown(self, request: Request) -> Response:
        caller = await self._authenticator.caller(request.headers)
        caller.require("admin")
        now = utc_now()
        try:
            waiting = await self._offsets.unclaimed()
            letters = await self._offsets.dead_letters((now - _RECENT).timestamp())
        except KafkaError as error:
            detail = f"the broker did not answer: {described(error)}"
            raise TallygateError("unavailable", detail, retry_after_s=2.0) from error
        body: dict[str, Any] = {
            "routers": [_router(router) for router in self._routers()],
            "requests_waiting": waiting[REQUESTS.name],
            "bulk_waiting": waiting[BULK_REQUESTS.name],
            "monitor": self._name,
            "lag_s": await self._lag.seconds(),
            "dead_letters": [
                {"topic": dlq.removesuffix(DLQ_SUFFIX), "kept": count.kept, "last_day": count.recent}
                for dlq, count in letters.items()
            ],
            "as_of": now.isoformat(),
        }
        return Response(orjson.dumps(body), media_type="application/json")


def _router(router: SeenRouter) -> dict[str, Any]:
    return {
        "router_id": router.router_id,
        "state": router.state,
        "in_flight": router.in_flight,
        "started_at": router.started_at.isoformat(),
        "beat_at": router.beat_at.isoformat(),
        "silent_s": round(router.silent_s, 1),
    }


def make_route() -> Route:
    async def instances(request: Request) -> Response:
        shown: Instances = request.app.state.instances
        return await shown.shown(request)

    return Route("/api/instances", instances)
