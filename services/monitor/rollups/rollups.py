"""Every two seconds: sum up the minutes that bookings have touched, of busy ones only the slices (decision 0047), and
say what was spent and how the models are.

Hours, days and months are summed up when they are over, each from those below, and again when these are touched later.
So are minutes by key, of errors and of sessions, from the books: for their sake nobody waits.

A booking leaves its touches in its own transaction. They are taken away in the transaction that has summed them up
and published what tenants spent, so whoever dies, the next turn of any monitor does it again; doing it twice changes
nothing. Health needs no touches: it is what the minutes show, held against what was said last.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import get_args

import structlog

from services.monitor import instruments
from services.monitor.rollups import health
from services.monitor.rollups.slices.store import Part
from services.monitor.rollups.steps import SUMMED_FROM, Step, last_over
from services.monitor.rollups.store import RollupStore, Turn
from shared.background import Periodic
from shared.db.failures import RETRYABLE
from shared.events import Event, HealthStatus, ModelHealthChanged, SessionSpent, TenantSpent, utc_now
from shared.events.topics import MODEL_HEALTH, SPENDING
from shared.kafka import KafkaError
from shared.kafka.follow import Follower
from shared.kafka.publisher import Outgoing, Publisher

logger = structlog.get_logger(__name__)

_EVERY_S = 2.0
_MOST_TOUCHES = 5000  # of one turn, so that it ends
# Minutes (by key), hours, days and months of tenants of one turn, so that each takes a few seconds at most.
MOST_OVER: Mapping[Step, int] = {"minute": 1000, "hour": 200, "day": 100, "month": 10}
_CLOCKS_DIFFER = timedelta(minutes=1)


ProbesEnded = Callable[[], Awaitable[Mapping[str, health.Probed]]]  # by "<tenant_id>/<model>"


class Rollups:
    def __init__(
        self, store: RollupStore, publisher: Publisher, thresholds: health.ThresholdsOf, probed: ProbesEnded
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._thresholds = thresholds
        self._probed = probed
        # The last event about each model, by subject, whichever monitor has published it.
        self._said: dict[str, ModelHealthChanged] = {}
        self._recalled = False
        for status in get_args(HealthStatus):
            instruments.models.labels(status).set_function(partial(self._models, status))
        self._words = Follower(publisher.broker, {MODEL_HEALTH: self._heard})
        self._looking = Periodic("rollups", self._look, _EVERY_S, (*RETRYABLE, KafkaError))

    async def start(self) -> None:
        await self._words.start()
        await self._looking.start()

    async def stop(self) -> None:
        await self._looking.stop()
        await self._words.stop()

    def said(self, tenant_id: str) -> list[ModelHealthChanged]:
        """The last word on each model of a tenant of which something was said lately."""
        return [word for word in self._said.values() if word.tenant_id == tenant_id]

    def _models(self, status: HealthStatus) -> int:
        return sum(last.status == status for last in self._said.values())

    def _heard(self, event: Event) -> None:
        if isinstance(event, ModelHealthChanged):
            self._said[event.subject] = event

    async def _look(self) -> None:
        more = True
        while more:
            more = await self._sum_up()
            await self._say_how_models_are()
            more = await self._sum_up_what_is_over(utc_now()) or more

    async def _sum_up(self) -> bool:
        """One turn. Returns whether there is more to do at once."""
        async with self._store.turn() as turn:
            if turn is None:
                return False
            taken, touched = await turn.take_touched(_MOST_TOUCHES)
            if touched:
                now = utc_now()
                await turn.sum_up_minutes(touched, last_over(now, "minute"))
                await self._say_what_was_spent(turn, {touch.minute for touch in touched}, now)
        return taken == _MOST_TOUCHES

    async def _sum_up_what_is_over(self, now: datetime) -> bool:
        async with self._store.turn() as turn:
            if turn is None:
                return False
            by_now = now - _CLOCKS_DIFFER
            taken: dict[Step, int] = {}
            taken["minute"] = await turn.sum_up_by_key(last_over(by_now, "minute"), MOST_OVER["minute"])
            taken |= {step: await turn.sum_up(step, last_over(by_now, step), MOST_OVER[step]) for step in SUMMED_FROM}
        return any(count == MOST_OVER[step] for step, count in taken.items())

    async def _say_what_was_spent(self, turn: Turn, minutes: Collection[Part], now: datetime) -> None:
        """Published before the transaction ends: without an ack it is rolled back, and the touches are still there."""
        today = now.astimezone(UTC).date()
        tenants = await turn.spending.sum_up_days(_days(minutes)) | await turn.spending.sum_up_shadows(minutes)
        rows = await turn.spending.spent(tenants, today) if tenants else []
        words: list[Event] = [TenantSpent(day=today, as_of=now, **row) for row in rows]
        words += [SessionSpent(as_of=now, **row) for row in await turn.spending.used_by_sessions(minutes, now)]
        if words:
            await self._publisher.publish(*(Outgoing(SPENDING, word) for word in words))

    async def _say_how_models_are(self) -> None:
        """The history is written first: a change that is then not published is found again at the next turn."""
        if not await self._words.caught_up():
            return
        now, probed = utc_now(), await self._probed()
        async with self._store.turn() as turn:
            if turn is None:
                return
            await self._recall(turn)
            recent = health.gather(await turn.health.minutes(health.window_from(now), now + _CLOCKS_DIFFER))
            words = health.news(health.Evidence(recent, probed, self._thresholds), self._said, now)
            known = {*recent, *probed}
            self._said = {key: last for key, last in self._said.items() if key in known or last.status != "healthy"}
            await turn.health.keep(words)
        if words:
            await self._publisher.publish(*(Outgoing(MODEL_HEALTH, word) for word in words))
        for word in words:
            logger.info("model.health", tenant=word.tenant_id, model=word.model, status=word.status, reason=word.reason)

    async def _recall(self, turn: Turn) -> None:
        """The topic forgets after a day. Of what the history calls unwell, and nobody has taken back since, something
        is said again, or it would be unwell for ever."""
        if not self._recalled:
            self._said = {word.subject: word for word in await turn.health.unwell()} | self._said
            self._recalled = True


def _days(minutes: Collection[Part]) -> set[tuple[str, date]]:
    return {(minute.tenant_id, minute.at.astimezone(UTC).date()) for minute in minutes}
