"""Pure: how tenants share a router: its slots for calls, its places in line, and the bytes that it holds.

One rule for all three: a tenant that has `used` gets `amount` more when, of what is free, enough is left after that for
the others: used <= alone / (1 - alone) * left. So a tenant alone gets the share `alone`; of what k tenants want without
an end each gets alone / (1 + (k - 1) * alone); and who has nothing yet finds something free (decision 0018).

Priorities (decision 0044): bulk goes after all others, whoever's they are, and has half of the slots at most. Between
interactive and normal a tenant moves nobody else's requests: its turn comes by what it has, and then its most urgent
one goes first.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass

from services.router.lanes import PATIENCE, Lanes
from shared.errors import Failure, failure
from shared.priorities import Priority

_RETRY_AFTER_S = 2.0
_BULK_SLOTS = 0.5
_BULK_IN_LINE = 0.1  # of the places; what there is more waits on its topic
_BULK_BYTES = 0.5
_LINE_ALONE = 0.5  # floods pile up in line, and nobody is thrown out of it: more is left there for who comes next


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """Of one router. slots: inferences in work. places: inferences that wait for a slot. held_bytes: of both, as their
    requests came and their answers are read. alone: the share of slots and bytes that one tenant gets when nobody else
    wants any; of the line it gets half at most. shadows: slots that copies for models on trial may have, of all
    tenants.
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
    """One inference in the room: in a slot, in the line of its tenant, or aside, when it waits for a model and wants no
    slot yet. size, answer: bytes that it holds."""

    tenant_id: str
    size: int
    in_slot: bool
    priority: Priority = "normal"
    answer: int = 0
    aside: bool = False
    shadow: bool = False

    @property
    def is_bulk(self) -> bool:
        return self.priority == "bulk"


# By tenant; who was served last comes last.
_Lines = OrderedDict[str, Lanes[Seat]]


class Room:
    def __init__(self, limits: RoomLimits) -> None:
        self._limits = limits
        self._slots = Shares(limits.slots, limits.alone)
        self._places = Shares(limits.places, min(limits.alone, _LINE_ALONE))
        self._bytes = Shares(limits.held_bytes, limits.alone)
        self._shadows = 0
        self._lines: _Lines = OrderedDict()
        self._bulk_lines: _Lines = OrderedDict()
        self._bulk_passed = 0  # turns in a row that others had while bulk waited
        self._bulk_in_slots = 0
        self._most_bulk = max(1, int(limits.slots * _BULK_SLOTS))
        self._in_line: Counter[Priority] = Counter()

    @property
    def in_slots(self) -> int:
        return self._limits.slots - self._slots.free

    @property
    def in_line(self) -> int:
        return self._limits.places - self._places.free

    def in_lane(self, priority: Priority) -> int:
        """How many of them wait."""
        return self._in_line[priority]

    def bulk_may_come(self, coming: int) -> bool:
        """Whether one more is read from the topic. coming: those that were read and are not here yet."""
        most = max(1, int(self._limits.places * _BULK_IN_LINE))
        return self._in_line["bulk"] + coming < most and self._bytes.free >= (1 - _BULK_BYTES) * self._limits.held_bytes

    def enter(
        self, tenant_id: str, size: int, priority: Priority = "normal", *, shadow: bool = False
    ) -> Seat | Failure:
        """A seat, in a slot or in the line; or why there is none for this tenant. `leave` must follow a seat. shadow:
        it gets one of the few slots for copies, or none, so that nobody waits for it."""
        if not self._bytes.allows(tenant_id, size):
            return self._no_bytes(tenant_id, size)
        seat = Seat(tenant_id, size, False, priority, shadow=shadow)
        in_slot = tenant_id not in self._lines and self._slots.allows(tenant_id)
        if seat.is_bulk:
            in_slot = in_slot and tenant_id not in self._bulk_lines and self._bulk_in_slots < self._most_bulk
        if shadow and (not in_slot or self._shadows >= self._limits.shadows):
            return self._no_shadow()
        if not in_slot and not self._places.allows(tenant_id):
            return self._no_place(tenant_id)
        self._shadows += shadow
        self._bytes.take(tenant_id, size)
        if in_slot:
            self._enter_slot(seat)
        else:
            self._enter_line(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        self._bytes.give_back(seat.tenant_id, seat.size + seat.answer)
        self._shadows -= seat.shadow
        if seat.in_slot:
            self._leave_slot(seat)
        elif seat.aside:
            self._leave_place(seat)
        else:
            self._lines_of(seat)[seat.tenant_id].remove(seat, seat.priority)
            self._left_line(seat)

    def set_aside(self, seat: Seat) -> Failure | None:
        """From its slot to a place, out of the line: no turn comes to it. Or why there is no place for its tenant."""
        if not self._places.allows(seat.tenant_id):
            return self._no_place(seat.tenant_id)
        self._leave_slot(seat)
        seat.in_slot, seat.aside = False, True
        self._take_place(seat)
        return None

    def come_back(self, seat: Seat) -> None:
        """From aside to a slot, or to the beginning of the line."""
        self._leave_place(seat)
        seat.aside = False
        if self._slots.allows(seat.tenant_id) and not (seat.is_bulk and self._bulk_in_slots >= self._most_bulk):
            self._enter_slot(seat)
        else:
            self._enter_line(seat, first=True)

    def next(self) -> Seat | None:
        """Moves one from its line to a slot: of the tenants that may have one, the first of the one with the fewest,
        and among these of the one that was served longest ago. Bulk comes after all others, or when it was passed over
        often enough. None when nobody who waits may."""
        if not self._lines and not self._bulk_lines:
            return None
        if self._bulk_passed >= PATIENCE["bulk"]:
            return self._next_bulk() or self._next_of(self._lines)
        seat = self._next_of(self._lines)
        if seat is not None and self._bulk_lines:
            self._bulk_passed += 1
        return seat or self._next_bulk()

    def _next_bulk(self) -> Seat | None:
        seat = self._next_of(self._bulk_lines) if self._bulk_in_slots < self._most_bulk else None
        if seat is not None:
            self._bulk_passed = 0
        return seat

    def _next_of(self, lines: _Lines) -> Seat | None:
        if not lines:
            return None
        tenant_id = min(lines, key=self._slots.used)
        if not self._slots.allows(tenant_id):
            return None  # nor may any who has more
        seat = lines[tenant_id].next()
        lines.move_to_end(tenant_id)
        self._left_line(seat)
        self._enter_slot(seat)
        return seat

    def hold_answer(self, seat: Seat, size: int) -> Failure | None:
        """The answer that is read for this seat has so many bytes by now; or why it may not."""
        more = size - seat.answer
        if more > 0 and not self._bytes.allows(seat.tenant_id, more):
            return self._no_bytes(seat.tenant_id, more)
        self._bytes.take(seat.tenant_id, more)
        seat.answer = size
        return None

    def _enter_slot(self, seat: Seat) -> None:
        self._slots.take(seat.tenant_id)
        self._bulk_in_slots += seat.is_bulk
        seat.in_slot = True

    def _leave_slot(self, seat: Seat) -> None:
        self._slots.give_back(seat.tenant_id)
        self._bulk_in_slots -= seat.is_bulk

    def _take_place(self, seat: Seat) -> None:
        self._places.take(seat.tenant_id)
        self._in_line[seat.priority] += 1

    def _leave_place(self, seat: Seat) -> None:
        self._places.give_back(seat.tenant_id)
        self._in_line[seat.priority] -= 1

    def _lines_of(self, seat: Seat) -> _Lines:
        return self._bulk_lines if seat.is_bulk else self._lines

    def _enter_line(self, seat: Seat, *, first: bool = False) -> None:
        self._lines_of(seat).setdefault(seat.tenant_id, Lanes()).add(seat, seat.priority, first=first)
        self._take_place(seat)

    def _left_line(self, seat: Seat) -> None:
        lines = self._lines_of(seat)
        if not lines[seat.tenant_id]:
            del lines[seat.tenant_id]
        self._leave_place(seat)

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
