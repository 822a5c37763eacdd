"""How tenants share a router, over whatever they do, and the bounds of decision 0018."""

from collections import Counter

from hypothesis import assume, given
from hypothesis import strategies as st

from services.router.room import Room, RoomLimits, Seat
from shared.errors import Failure

TENANTS = st.sampled_from("abcde")
LIMITS = st.builds(
    RoomLimits,
    slots=st.integers(1, 12),
    places=st.integers(1, 12),
    held_bytes=st.integers(1, 400),
    alone=st.sampled_from((0.5, 0.8, 0.95)),
)
# Who comes with how many bytes, or which of those that are there leaves, or has read how many bytes of its answer.
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), TENANTS, st.integers(0, 60)),
        st.tuples(st.just("leave"), st.integers(0, 40), st.just(0)),
        st.tuples(st.just("hold_answer"), st.integers(0, 40), st.integers(0, 60)),
    ),
    max_size=120,
)


class Watched:
    """A room, with everyone who is in it in the order of their coming."""

    def __init__(self, limits: RoomLimits) -> None:
        self.limits = limits
        self.room = Room(limits)
        self.seats: list[Seat] = []

    def enter(self, tenant_id: str, size: int = 0) -> Seat | Failure:
        entered = self.room.enter(tenant_id, size)
        if isinstance(entered, Seat):
            self.seats.append(entered)
        return entered

    def leave(self, seat: Seat) -> None:
        self.seats.remove(seat)
        self.room.leave(seat)

    def serve(self) -> None:
        while self.room.next() is not None:
            pass

    def slots(self) -> Counter[str]:
        return Counter(seat.tenant_id for seat in self.seats if seat.in_slot)

    def first_in_line(self) -> dict[str, Seat]:
        return {seat.tenant_id: seat for seat in reversed(self.seats) if not seat.in_slot}


@given(LIMITS, EVENTS)
def test_no_bound_is_passed_and_nobody_waits_who_may_begin(
    limits: RoomLimits, events: list[tuple[str, str | int, int]]
) -> None:
    watched = Watched(limits)
    ratio = limits.alone / (1 - limits.alone)
    for verb, who, size in events:
        if verb == "enter":
            watched.enter(str(who), size)
        elif watched.seats and verb == "leave":
            watched.leave(watched.seats[int(who) % len(watched.seats)])
            watched.serve()
        elif watched.seats:
            watched.room.hold_answer(watched.seats[int(who) % len(watched.seats)], size)

        used, waiting = watched.slots(), watched.first_in_line()
        assert used.total() == watched.room.in_slots <= limits.slots
        assert len(watched.seats) - used.total() == watched.room.in_line <= limits.places
        assert sum(seat.size + seat.answer for seat in watched.seats) <= limits.held_bytes
        free = limits.slots - used.total()
        assert not any(free >= 1 and used[tenant] <= ratio * (free - 1) for tenant in waiting)


@given(LIMITS, EVENTS)
def test_a_free_slot_goes_to_the_tenant_with_the_fewest_and_to_its_first_in_line(
    limits: RoomLimits, events: list[tuple[str, str | int, int]]
) -> None:
    watched = Watched(RoomLimits(limits.slots, limits.places, 10_000, limits.alone))
    for verb, who, _ in events:
        if verb != "leave":
            watched.enter(str(who))
        elif watched.seats:
            watched.leave(watched.seats[int(who) % len(watched.seats)])
        used, waiting = watched.slots(), watched.first_in_line()
        while (served := watched.room.next()) is not None:
            assert served is waiting[served.tenant_id]
            assert used[served.tenant_id] == min(used[tenant] for tenant in waiting)
            used, waiting = watched.slots(), watched.first_in_line()


@given(st.integers(1, 4), st.integers(1, 2000), st.sampled_from((0.5, 0.8)))
def test_who_comes_after_k_tenants_that_took_all_they_could_still_finds_a_slot(
    hogs: int, slots: int, alone: float
) -> None:
    assume(slots * (1 - alone) ** hogs >= 1)
    watched = Watched(RoomLimits(slots, 10 * slots, 1, alone))
    for hog in range(hogs):
        while isinstance(seat := watched.enter(f"hog {hog}"), Seat) and seat.in_slot:
            pass
    first = watched.enter("honest")
    assert isinstance(first, Seat)
    assert first.in_slot
    assert watched.slots()["hog 0"] >= int(alone * slots)  # and a tenant alone has its share of them
    free = slots - watched.slots().total()
    assert free + 1 >= int(slots * (1 - alone) ** hogs)


def test_tenants_that_want_more_than_there_is_come_to_have_the_same() -> None:
    watched = Watched(RoomLimits(100, 1000, 1, 0.8))
    for _ in range(300):
        watched.enter("early")
    for _ in range(100):
        watched.enter("late")
    before = watched.slots()
    for seat in [seat for seat in watched.seats if seat.in_slot and seat.tenant_id == "early"][:60]:
        watched.leave(seat)
        watched.serve()
    after = watched.slots()
    assert (before["early"], before["late"]) == (80, 16)
    assert abs(after["early"] - after["late"]) <= 1


def test_what_there_is_no_room_for_is_told_which_setting_would_make_room() -> None:
    watched = Watched(RoomLimits(slots=1, places=1, held_bytes=100, alone=0.8))
    told = [watched.enter("a", size) for size in (101, 10, 10, 10)]
    tips = [seat.tips[-1] if isinstance(seat, Failure) else seat.in_slot for seat in told]
    assert ["TALLYGATE_ROUTER_MAX_HELD_BYTES" in str(tips[0]), *tips[1:3]] == [True, True, False]
    assert "TALLYGATE_ROUTER_MAX_WAITING" in str(tips[3])
    assert watched.enter("b", 10), "another tenant is let in"
    assert all(
        seat.error_type == "too_many_requests" and seat.retry_after_s for seat in told if isinstance(seat, Failure)
    )


def test_copies_get_few_slots_and_never_wait() -> None:
    room = Room(RoomLimits(slots=10, places=10, shadows=2))
    seats = [room.enter(tenant, 1, shadow=True) for tenant in "ab"]
    assert all(isinstance(seat, Seat) and seat.in_slot for seat in seats)
    refusal = room.enter("c", 1, shadow=True)
    assert isinstance(refusal, Failure)
    assert "TALLYGATE_ROUTER_MAX_SHADOWS" in str(refusal.tips)
    assert isinstance(room.enter("c", 1), Seat), "of others nothing is held back"
    assert isinstance(seats[0], Seat)
    room.leave(seats[0])
    assert isinstance(room.enter("c", 1, shadow=True), Seat)


def test_where_a_request_would_wait_a_copy_is_refused() -> None:
    room = Room(RoomLimits(slots=1, places=10, alone=0.5))
    assert isinstance(room.enter("a", 1), Seat)
    assert isinstance(room.enter("b", 1, shadow=True), Failure)
    assert room.in_line == 0
    waiting = room.enter("b", 1)
    assert isinstance(waiting, Seat)
    assert not waiting.in_slot
