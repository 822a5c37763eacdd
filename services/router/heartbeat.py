"""This router's heartbeats. The first one is acked before any request is taken: the monitor takes a router that it has
never heard for dead, and would redeliver what that router claims.
"""

from collections.abc import Callable

import structlog

from shared.background import Periodic
from shared.errors import TallygateError
from shared.events import Now, RouterHeartbeat, utc_now
from shared.events.topics import HEARTBEATS
from shared.kafka.publisher import Outgoing, Publisher

logger = structlog.get_logger(__name__)

BEAT_EVERY_S = 2.0


class Heartbeat:
    def __init__(self, router_id: str, publisher: Publisher, in_flight: Callable[[], int], now: Now = utc_now) -> None:
        self._router_id = router_id
        self._publisher = publisher
        self._in_flight = in_flight
        self._now = now
        self._started_at = now()
        self._beating = Periodic("heartbeat", self._beat, BEAT_EVERY_S, at_once=False)

    async def start(self) -> None:
        await self._beat()
        await self._beating.start()

    async def stop(self) -> None:
        """Publishes the last heartbeat: what is open now will not be finished here."""
        await self._beating.stop()
        try:
            await self._beat(stopped=True)
        except TallygateError as error:
            # The monitor notices the silence, only later.
            logger.warning("heartbeat.last_word_not_acked", reason=error.failure.detail)

    async def _beat(self, *, stopped: bool = False) -> None:
        beat = RouterHeartbeat(
            router_id=self._router_id,
            started_at=self._started_at,
            beat_at=self._now(),
            in_flight=self._in_flight(),
            stopped=stopped,
        )
        await self._publisher.publish(Outgoing(HEARTBEATS, beat))
