"""The calls that a model may have at a time, over all routers: those of this one, and who waits for one.

A router has places of a model for LEASE_S and asks for them again every second, all models in one go. While it has some
that nobody uses, a call begins at once. It asks sooner when somebody waits, and when another router says so. Models
without a `max_concurrency` never come here, and without any other model nothing is done.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from services.router.lanes import Lanes
from services.router.store import Key, PlacesStore, Want
from shared.background import Background
from shared.db.failures import RETRYABLE
from shared.priorities import Priority
from shared.registry import Model

logger = structlog.get_logger(__name__)

# A router that is lost keeps its places for so long. It begins no call with them after USABLE_S, by its own clock.
LEASE_S = 10.0
USABLE_S = 8.0
_ASK_EVERY_S = 1.0
_ASK_WITHIN_S = 5.0
_RETRY_S = 0.5
_REST_S = 5.0  # without a call, after which the places are given back


@dataclass(slots=True, eq=False)
class Ticket:
    """Who waits for a place. granted: it has one, until `used` by a call or closed. told: it has one, or there was none
    when the database was asked, or that could not be asked."""

    model: Model
    priority: Priority
    wake: Callable[[], object]
    granted: bool = False
    used: bool = False
    told: bool = False


@dataclass(slots=True)
class _Places:
    """Of one model. busy: with calls, or granted to who is about to call. usable_until, called_at: by the loop.
    is_known: the database has been asked, whatever came of it. untold: those who wait until then."""

    limit: int
    called_at: float
    held: int = 0
    entitled: int = 0
    busy: int = 0
    usable_until: float = 0.0
    lanes: Lanes[Ticket] = field(default_factory=Lanes)
    waiting: int = 0
    waits_since: float = 0.0
    is_known: bool = False
    untold: list[Ticket] = field(default_factory=list)

    @property
    def most(self) -> int:
        """As many as may be busy: all that are held, and no more than it is to go back to."""
        return min(self.held, self.entitled, self.limit)


class Places(Background):
    def __init__(self, router_id: str, store: PlacesStore) -> None:
        super().__init__("places", self._keep_asking)
        self._router_id = router_id
        self._store = store
        self._models: dict[Key, _Places] = {}
        self._woken = asyncio.Event()

    async def stop(self) -> None:
        """Others have the places at once."""
        await super().stop()
        if self._models:
            try:
                async with asyncio.timeout(_ASK_WITHIN_S):
                    await self._store.leave(self._router_id)
            except RETRYABLE as error:  # they come free when the lease ends
                logger.warning("places.not_left", reason=type(error).__name__)

    def take(self, model: Model, priority: Priority) -> bool:
        """Whether a call may begin now; `give_back` must follow. Nobody goes before who waits and is as urgent."""
        places = self._of(model)
        if places.lanes.waits(priority) or not self._is_free(places):
            return False
        self._begin(places)
        return True

    def is_known(self, model: Model) -> bool:
        """Whether it is full, when `take` says so. Otherwise it is not known yet, and who waits will soon be told."""
        return self._of(model).is_known

    def use(self, ticket: Ticket) -> bool:
        """As `take`, with the place that was granted."""
        if not ticket.granted or ticket.used:
            return False
        ticket.used = True
        return True

    def give_back(self, model: Model) -> None:
        places = self._of(model)
        places.busy -= 1
        if places.entitled < places.held:
            self._woken.set()  # another router waits for it
        self._serve(places)

    def wait(
        self, model: Model, priority: Priority, wake: Callable[[], object], *, first: bool = False,
        until_told: bool = False,
    ) -> Ticket:  # fmt: skip
        """wake: called when it is granted. `close` must follow. first: before others of its lane. until_told: also
        called when it is known that there is none now."""
        places, ticket = self._of(model), Ticket(model, priority, wake)
        if not places.waiting:
            places.waits_since = self._now()
        places.lanes.add(ticket, priority, first=first)
        places.waiting += 1
        self._serve(places)
        if until_told and not ticket.granted:
            places.untold.append(ticket)
        if places.waiting == 1:  # of more the next time tells
            self._woken.set()
        return ticket

    def close(self, ticket: Ticket) -> None:
        """It waits no more. A place that was granted and not used is free."""
        if ticket.used:
            return
        places = self._of(ticket.model)
        if ticket.granted:
            ticket.used = True
            self.give_back(ticket.model)
        else:
            places.lanes.remove(ticket, ticket.priority)
            places.waiting -= 1

    def others_want(self, told: str | None) -> None:
        """A notification of another router; None: some may have been missed."""
        if self._models and (told is None or not told.startswith(f"{self._router_id}/")):
            self._woken.set()

    def _of(self, model: Model) -> _Places:
        key, limit = (model.tenant_id or "", model.id), model.max_concurrency or 1
        places = self._models.get(key)
        if places is None:
            places = self._models[key] = _Places(limit, self._now())
            self._woken.set()
        places.limit = limit
        return places

    def _is_free(self, places: _Places) -> bool:
        return places.busy < places.most and self._now() < places.usable_until

    def _begin(self, places: _Places) -> None:
        places.busy += 1
        places.called_at = self._now()

    def _serve(self, places: _Places) -> None:
        while places.lanes and self._is_free(places):
            ticket = places.lanes.next()
            places.waiting -= 1
            places.waits_since = self._now()
            self._begin(places)
            ticket.granted = ticket.told = True
            ticket.wake()

    async def _keep_asking(self) -> None:
        while True:
            await self._until_due()
            self._woken.clear()
            try:
                async with asyncio.timeout(_ASK_WITHIN_S):
                    await self._ask()
            except RETRYABLE as error:
                logger.warning("places.not_asked", reason=type(error).__name__)
                for places in self._models.values():
                    _tell(places)
                await asyncio.sleep(_RETRY_S)

    async def _until_due(self) -> None:
        try:
            async with asyncio.timeout(_ASK_EVERY_S if self._models else None):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _ask(self) -> None:
        if not self._models:
            return
        sent_at = self._now()
        wants = {key: self._want(key, places, sent_at) for key, places in self._models.items()}
        for key, want in wants.items():
            if want.leaves:  # whoever comes meanwhile begins anew
                del self._models[key]
        shares = await self._store.ask(self._router_id, tuple(wants.values()), LEASE_S)
        for key, (held, entitled, _) in shares.items():
            if wants[key].leaves:
                continue
            places = self._models[key]
            places.held, places.entitled, places.usable_until = held, entitled, sent_at + USABLE_S
            if max(places.busy, places.most) < held:
                self._woken.set()  # it has some to let go of, which it might have used until it heard this
            self._serve(places)
            _tell(places)

    def _want(self, key: Key, places: _Places, now: float) -> Want:
        rests = not places.busy and not places.waiting and now - places.called_at > _REST_S
        waited_s = max(0.0, now - places.waits_since) if places.waiting else 0.0
        # Until the answer is heard, no more than this are busy: so the answer may take away whatever is above it.
        floor = max(places.busy, places.most) if now < places.usable_until and not rests else places.busy
        return Want(key, places.limit, floor, places.held, places.busy + places.waiting, waited_s, rests)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _tell(places: _Places) -> None:
    """Who has waited since before the question was asked, and has no place, may look for another model now."""
    places.is_known = True
    untold, places.untold = places.untold, []
    for ticket in untold:
        if not ticket.told and not ticket.used:
            ticket.told = True
            ticket.wake()
