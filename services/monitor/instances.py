"""GET /api/instances: who is at work, what waits for a router, and what could not be handled.

For operators, as it tells of all tenants together.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.monitor.books.lag import Lag
from services.monitor.recovery.liveness import SeenRouter
from services.monitor.recovery.offsets import Offsets
from services.monitor.recovery.store import Redelivered
from shared.access import Authenticator
from shared.errors import TallygateError
from shared.events import utc_now
from shared.events.topics import BULK_REQUESTS, DLQ_SUFFIX, REQUESTS
from shared.kafka import KafkaError
from shared.kafka.failures import described

_RECENT = timedelta(days=1)
_FEW = 20


class Recovering(Protocol):
    """What is known of routers, and of what lost ones had claimed (`recovery`)."""

    @property
    def orphans_open(self) -> int: ...
    def routers(self) -> Sequence[SeenRouter]: ...
    async def redelivered(self, since: datetime, most: int) -> Sequence[Redelivered]: ...


class Instances:
    def __init__(
        self, name: str, authenticator: Authenticator, lag: Lag, offsets: Offsets, recovery: Recovering
    ) -> None:
        """name: of this monitor."""
        self._name = name
        self._authenticator = authenticator
        self._lag = lag
        self._offsets = offsets
        self._recovery = recovery

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
            "routers": [_router(router) for router in self._recovery.routers()],
            "requests_waiting": waiting[REQUESTS.name],
            "bulk_waiting": waiting[BULK_REQUESTS.name],
            "orphans": {
                "waiting": self._recovery.orphans_open,
                "redelivered": [_redelivered(one) for one in await self._recovery.redelivered(now - _RECENT, _FEW)],
            },
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


def _redelivered(one: Redelivered) -> dict[str, Any]:
    return {
        "inference_id": str(one.inference_id),
        "tenant": one.tenant_id,
        "delivery": one.delivery,
        "lost_by": one.lost_by,
        "decided_at": one.decided_at.isoformat(),
        "published_at": None if one.published_at is None else one.published_at.isoformat(),
        "settlement": one.settlement,
    }


def make_route() -> Route:
    async def instances(request: Request) -> Response:
        shown: Instances = request.app.state.instances
        return await shown.shown(request)

    return Route("/api/instances", instances)
