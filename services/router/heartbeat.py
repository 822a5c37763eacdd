"""This router's heartbeats. The first one is acked before any request is taken: the monitor takes a router that it has
never heard for dead, and would redeliver what that router claims.

They are sent from a thread of their own: a loop that is busy for some seconds, with large bodies or a slow pattern,
must not look like a death, after which its calls are made a second time. One that stands still for longer is given up.
"""

from collections.abc import Callable

import structlog

from services.router.pulse import Pulse
from shared.background import Periodic
from shared.errors import TallygateError
from shared.events import Now, RouterHeartbeat, utc_now
from shared.events.topics import HEARTBEATS
from shared.kafka.publisher import Outgoing, Publisher

logger = structlog.get_logger(__name__)

BEAT_EVERY_S = 2.0
STUCK_AFTER_S = 30.0  # a loop that has done nothing for so long will not do its work in time

Work = Callable[[], None]


def at_once(work: Work) -> None:
    work()


class Heartbeat:
    """in_flight, lost: called in the loop that does the router's work. in_work_loop: calls something there, soon.

    lost: this router was silent for so long that what it had claimed may be somebody else's.
    """

    def __init__(
        self, router_id: str, publisher: Publisher, pulse: Pulse, in_flight: Callable[[], int], lost: Work,
        in_work_loop: Callable[[Work], object] = at_once, now: Now = utc_now,
    ) -> None:  # fmt: skip
        self._router_id = router_id
        self._publisher = publisher
        self._pulse = pulse
        self._in_flight = in_flight
        self._lost = lost
        self._in_work_loop = in_work_loop
        self._now = now
        self._started_at = now()
        self._last_in_flight = 0
        self._answered_at = pulse.clock()
        self._beating = Periodic("heartbeat", self._beat_if_alive, BEAT_EVERY_S, at_once=False)

    async def start(self) -> None:
        self._answered_at = self._pulse.clock()
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

    async def _beat_if_alive(self) -> None:
        self._in_work_loop(self._answer)
        silent_s = self._pulse.clock() - self._answered_at
        if silent_s > STUCK_AFTER_S:
            logger.error("heartbeat.withheld", loop_silent_s=round(silent_s))
        else:
            await self._beat()

    def _answer(self) -> None:
        self._last_in_flight, self._answered_at = self._in_flight(), self._pulse.clock()

    async def _beat(self, *, stopped: bool = False) -> None:
        beat = RouterHeartbeat(
            router_id=self._router_id,
            started_at=self._started_at,
            beat_at=self._now(),
            in_flight=self._last_in_flight,
            stopped=stopped,
        )
        sent_at = self._pulse.clock()
        await self._publisher.publish(Outgoing(HEARTBEATS, beat))
        if self._pulse.acked(sent_at):
            self._in_work_loop(self._lost)
