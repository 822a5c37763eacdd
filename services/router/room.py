"""Pure: how tenants share a router: its slots for calls, its places in line, and the bytes that it holds.

One rule for all three: a tenant that has `used` gets `amount` more when, of what is free, enough is left after that for
the others: used <= alone / (1 - alone) * left. So a tenant alone gets the share `alone`; of what k tenants want without
an end each gets alone / (1 + (k - 1) * alone); and who has nothing yet finds something free (decision 0018).
"""

from collections import OrderedDict
from dataclasses import dataclass

from shared.errors import Failure, failure

_RETRY_AFTER_S = 2.0
_LINE_ALONE = 0.5  # floods pile up in line, and nobody is thrown out of it: more is left there for who comes next


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """Of one router. slots: inferences in work. places: inferences that wait for a slot. held_bytes: of both, as their
    requests came and their answers are read. alone: the share of slots and bytes that one tenant gets when nobody else
    wants any; of the line it gets half at most. shadows: slots that copies for models on trial
    may have, of all tenants.
    """

    slots: int = 2000
    places: int = 8000
    held_bytes: int = 1024**3
    alone: float = 0.8
    shadows: int = 50


class Shares:
    """So much of one thing, and who has how much of it."""

    def __init__(self, total: int, alone: float) -> None:
        self.free = total
        self._ratio = alone / (1 - alone)
        self._used: dict[str, int] = {}

    def used(self, tenant_id: str) -> int:
        return self._used.get(tenant_id, 0)

    def allows(self, tenant_id: str, amount: int = 1) -> bool:
        left = self.free - amount
        return left >= 0 and self.used(tenant_id) <= self._ratio * left

    def take(self, tenant_id: str, amount: int = 1) -> None:
        self.free -= amount
        self._used[tenant_id] = self.used(tenant_id) + amount

    def give_back(self, tenant_id: str, amount: int = 1) -> None:
        self.free += amount
        self._used[tenant_id] = self.used(tenant_id) - amount
        if not self._used[tenant_id]:  # tenants that have nothing are not remembered
            del self._used[tenant_id]


@dataclass(slots=True, eq=False)
class Seat:
    """One inference in the room: in a slot, or in the line of its tenant. size, answer: bytes that it holds."""

    tenant_id: str
    size: int
    in_slot: bool
    answer: int = 0
    shadow: bool = False


class Room:
    def __init__(self, limits: RoomLimits) -> None:
        self._limits = limits
        self._slots = Shares(limits.slots, limits.alone)
        self._places = Shares(limits.places, min(limits.alone, _LINE_ALONE))
        self._bytes = Shares(limits.held_bytes, limits.alone)
        self._shadows = 0
        self._lines: OrderedDict[str, OrderedDict[Seat, None]] = OrderedDict()  # who was served last comes last

    @property
    def in_slots(self) -> int:
        return self._limits.slots - self._slots.free

    @property
    def in_line(self) -> int:
        return self._limits.places - self._places.free

    def enter(self, tenant_id: str, size: int, *, shadow: bool = False) -> Seat | Failure:
        """A seat, in a slot or in the line; or why there is none for this tenant. `leave` must follow a seat. shadow:
        it gets one of the few slots for copies, or none, so that nobody waits for it."""
        if not self._bytes.allows(tenant_id, size):
            return self._no_bytes(tenant_id, size)
        in_slot = tenant_id not in self._lines and self._slots.allows(tenant_id)
        if shadow and (not in_slot or self._shadows >= self._limits.shadows):
            return self._no_shadow()
        if not in_slot and not self._places.allows(tenant_id):
            return self._no_place(tenant_id)
        seat = Seat(tenant_id, size, in_slot, shadow=shadow)
        self._shadows += shadow
        self._bytes.take(tenant_id, size)
        if in_slot:
            self._slots.take(tenant_id)
        else:
            self._places.take(tenant_id)
            self._lines.setdefault(tenant_id, OrderedDict())[seat] = None
        return seat

    def leave(self, seat: Seat) -> None:
        self._bytes.give_back(seat.tenant_id, seat.size + seat.answer)
        self._shadows -= seat.shadow
        if seat.in_slot:
            self._slots.give_back(seat.tenant_id)
        else:
            self._leave_line(seat)

    def next(self) -> Seat | None:
        """Moves one from its line to a slot: of the tenants that may have one, the first of the one with the fewest,
        and among these of the one that was served longest ago. None when nobody who waits may."""
        if not self._lines:
            return None
        tenant_id = min(self._lines, key=self._slots.used)
        if not self._slots.allows(tenant_id):
            return None  # nor may any who has more
        seat = next(iter(self._lines[tenant_id]))
        self._leave_line(seat)
        if tenant_id in self._lines:
            self._lines.move_to_end(tenant_id)
        self._slots.take(tenant_id)
        seat.in_slot = True
        return seat

    def hold_answer(self, seat: Seat, size: int) -> Failure | None:
        """The answer that is read for this seat has so many bytes by now; or why it may not."""
        more = size - seat.answer
        if more > 0 and not self._bytes.allows(seat.tenant_id, more):
            return self._no_bytes(seat.tenant_id, more)
        self._bytes.take(seat.tenant_id, more)
        seat.answer = size
        return None

    def _leave_line(self, seat: Seat) -> None:
        line = self._lines[seat.tenant_id]
        del line[seat]
        if not line:
            del self._lines[seat.tenant_id]
        self._places.give_back(seat.tenant_id)

    def _no_shadow(self) -> Failure:
        detail = f"the router is busy, or works on {self._shadows} copies already, of {self._limits.shadows}"
        return _too_many(detail, "TALLYGATE_ROUTER_MAX_SHADOWS", self._limits.shadows)

    def _no_place(self, tenant_id: str) -> Failure:
        used, limits = self._places.used(tenant_id), self._limits
        detail = f"{used} requests of this tenant wait in the router that took it, its share of {limits.places}"
        return _too_many(detail, "TALLYGATE_ROUTER_MAX_WAITING", limits.places)

    def _no_bytes(self, tenant_id: str, size: int) -> Failure:
        used, limits = self._bytes.used(tenant_id), self._limits
        detail = (
            f"the router that took it holds {used} bytes of this tenant's requests and answers; "
            f"{size} more exceed its share of {limits.held_bytes}"
        )
        return _too_many(detail, "TALLYGATE_ROUTER_MAX_HELD_BYTES", limits.held_bytes)


def _too_many(detail: str, setting: str, now: int) -> Failure:
    tips = (
        "Wait for the time in Retry-After, and send fewer requests at a time.",
        f"An operator can start more routers, or raise {setting} (now {now}).",
    )
    return failure("too_many_requests", detail, tips=tips, retry_after_s=_RETRY_AFTER_S)
