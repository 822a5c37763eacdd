"""Places of models, kept in memory instead of a database."""

import asyncio
from collections.abc import Sequence
from typing import Any

from services.router.places import Places
from services.router.sharing import Claimant, Share
from services.router.store import Key, Want, decided
from shared.background import Background
from shared.registry import Model


class MemoryPlacesStore:
    """As the table: rows end when their time has passed. Several routers have the same one."""

    def __init__(self) -> None:
        self.routers: dict[str, Places] = {}
        self.asked = 0
        self.away = False
        self._rows: dict[Key, dict[str, tuple[Claimant, float, float]]] = {}  # with the times of waiting and of its end

    def router(self, router_id: str) -> Places:
        self.routers[router_id] = Places(router_id, self)
        return self.routers[router_id]

    def held(self, key: Key) -> dict[str, int]:
        return {name: one.held for name, (one, _, until) in self._rows.get(key, {}).items() if until > _now()}

    async def ask(self, router_id: str, wants: Sequence[Want], lease_s: float) -> dict[Key, Share]:
        self.asked += 1
        await asyncio.sleep(0.002)
        if self.away:
            raise ConnectionRefusedError
        now = _now()
        others = {
            want.key: [
                one._replace(waited_s=now - since)
                for name, (one, since, until) in self._rows.get(want.key, {}).items()
                if name != router_id and until > now
            ]
            for want in wants
        }
        shares = decided(router_id, wants, others)
        for want in wants:
            rows = self._rows.setdefault(want.key, {})
            rows.pop(router_id, None)
            if not want.leaves:
                claimant = Claimant(router_id, shares[want.key].held, want.wanted)
                rows[router_id] = claimant, now - want.waited_s, now + lease_s
            if shares[want.key].others_act:
                for places in self.routers.values():
                    places.others_want(f"{router_id}/{'/'.join(want.key)}")
        return shares

    async def leave(self, router_id: str) -> None:
        for rows in self._rows.values():
            rows.pop(router_id, None)


def _now() -> float:
    return asyncio.get_running_loop().time()


def no_places() -> Places:
    """Of a router none of whose models has a limit."""
    nothing: Any = None
    return Places("r1", nothing)


async def places_at_hand(model: Model) -> Places:
    """All that the model has, for the next seconds."""
    places = MemoryPlacesStore().router("r1")
    await places.start()
    ticket = places.wait(model, "normal", lambda: None)
    while not ticket.granted:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    places.close(ticket)
    await Background.stop(places)
    return places
