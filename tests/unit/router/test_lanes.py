"""Whose turn it is among those of several priorities, and what a backlog of bulk costs the others (decision 0044)."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from services.router.lanes import PATIENCE, Lanes
from services.router.pace import Pace
from services.router.room import Room, RoomLimits, Seat
from shared.priorities import PRIORITIES, Priority
from shared.telemetry.names import METRIC_IN_LINE, METRIC_LINE_AGE_SECONDS
from tests.support.scripted_transport import Answer
from tests.support.virtual_time import virtually
from tests.unit.router.test_fairness import Router

COMING = st.lists(st.one_of(st.sampled_from(PRIORITIES), st.just("turn")), max_size=200)


def seat(room: Room, tenant_id: str, priority: Priority) -> Seat:
    entered = room.enter(tenant_id, 0, priority)
    assert isinstance(entered, Seat)
    return entered


@given(COMING)
def test_a_lane_goes_in_order_and_no_one_is_passed_over_more_often_than_it_has_patience_for(coming: list[str]) -> None:
    lanes: Lanes[int] = Lanes()
    waiting: dict[str, list[int]] = {priority: [] for priority in PRIORITIES}
    passed = dict.fromkeys(PRIORITIES, 0)
    for number, one in enumerate(coming):
        if one != "turn":
            lanes.add(number, next(priority for priority in PRIORITIES if priority == one))
            waiting[one].append(number)
        elif lanes:
            served = lanes.next()
            [lane] = [priority for priority in PRIORITIES if served in waiting[priority]]
            assert waiting[lane].pop(0) == served
            for priority in PRIORITIES:
                passed[priority] = passed[priority] + 1 if waiting[priority] and priority != lane else 0
            # Two lanes may have lost their patience at the same time, and one of them goes first.
            assert all(passed[priority] <= PATIENCE[priority] + 1 for priority in ("normal", "bulk"))
    assert list(lanes) == [number for priority in PRIORITIES for number in waiting[priority]]


def test_the_most_urgent_goes_first_and_bulk_has_every_tenth_turn() -> None:
    lanes: Lanes[str] = Lanes()
    for number in range(20):
        lanes.add(f"bulk {number}", "bulk")
    for number in range(20):
        lanes.add(f"interactive {number}", "interactive")
    turns = [lanes.next() for _ in range(20)]
    assert [place for place, turn in enumerate(turns) if turn.startswith("bulk")] == [9, 19]


def test_bulk_of_any_tenant_goes_after_the_others_and_has_half_of_the_slots_at_most() -> None:
    room = Room(RoomLimits(slots=10, places=100, held_bytes=100))
    bulk = [seat(room, f"batch {number}", "bulk") for number in range(8)]
    assert [one.in_slot for one in bulk] == [True] * 5 + [False] * 3
    people = [seat(room, f"person {number}", "interactive") for number in range(7)]
    assert [one.in_slot for one in people] == [True] * 5 + [False] * 2
    assert room.in_lane("bulk") == 3

    room.leave(bulk[0])

    assert room.next() is people[5], "it came after the bulk that waits"
    room.leave(bulk[1])
    assert room.next() is people[6]
    assert room.next() is None
    room.leave(people[0])
    assert room.next() is bulk[5]


def test_between_tenants_interactive_does_not_go_before_normal_and_within_one_it_does() -> None:
    room = Room(RoomLimits(slots=2, places=100, held_bytes=100, alone=0.5))
    first, second = seat(room, "a", "normal"), seat(room, "b", "normal")
    later, urgent = seat(room, "a", "normal"), seat(room, "a", "interactive")
    other = seat(room, "c", "normal")
    room.leave(second)
    assert room.next() is other, "its tenant has the fewest"
    room.leave(first)
    assert room.next() is urgent
    assert not later.in_slot


@virtually
async def test_a_backlog_of_bulk_costs_others_no_wait_and_comes_to_its_end() -> None:
    router = Router(RoomLimits(slots=10, places=40))
    router.answers["batch"] = Answer(1.0)
    await router.start()
    bulk = await router.ask("batch", 400, deadline_s=600.0, priority="bulk")
    await asyncio.sleep(1.0)
    assert len(router.held()) < 20, "the rest of it stays on its topic"
    await router.claims.waiting.measure()
    assert (REGISTRY.get_sample_value(METRIC_IN_LINE, {"priority": "bulk"}) or 0.0) > 0.0
    assert (REGISTRY.get_sample_value(METRIC_LINE_AGE_SECONDS, {"priority": "bulk"}) or 0.0) > 0.5
    assert REGISTRY.get_sample_value(METRIC_LINE_AGE_SECONDS, {"priority": "interactive"}) == 0.0

    people = []
    for _ in range(50):
        people += await router.ask("people", priority="interactive")
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)

    assert [event.settlement for event in router.settled(people)] == ["completed"] * 50
    assert max(event.duration_s for event in router.settled(people)) < 0.3
    await asyncio.sleep(120.0)
    assert [event.settlement for event in router.settled(bulk)] == ["completed"] * 400


@virtually
async def test_bulk_goes_on_however_much_there_is_that_is_more_urgent() -> None:
    router = Router(RoomLimits(slots=2, places=400, alone=0.5))
    await router.start()
    people = await router.ask("people", 200, deadline_s=300.0, priority="interactive")
    bulk = await router.ask("batch", 5, deadline_s=300.0, priority="bulk")
    await asyncio.sleep(15.0)
    assert len(router.settled(people)) < 200
    assert [event.settlement for event in router.settled(bulk)] == ["completed"] * 5


@given(
    st.integers(1, 8),
    st.integers(1, 12),
    st.lists(st.tuples(st.sampled_from(("enter", "leave", "aside", "back")), st.integers(0, 40)), max_size=150),
)
def test_no_bound_of_a_room_is_passed_whoever_waits_for_what(
    slots: int, places: int, happenings: list[tuple[str, int]]
) -> None:
    room, seats = Room(RoomLimits(slots, places, 1000)), list[Seat]()
    for verb, number in happenings:
        if verb == "enter":
            entered = room.enter("abc"[number % 3], 0, PRIORITIES[number % 5 % 3])
            seats += [entered] if isinstance(entered, Seat) else []
        elif seats and verb == "leave":
            room.leave(seats.pop(number % len(seats)))
        elif verb == "aside" and (begun := [one for one in seats if one.in_slot]):
            room.set_aside(begun[number % len(begun)])
        elif verb == "back" and (aside := [one for one in seats if one.aside]):
            room.come_back(aside[number % len(aside)])
        while room.next() is not None:
            pass
        assert sum(one.in_slot for one in seats) == room.in_slots <= slots
        assert len(seats) - room.in_slots == room.in_line <= places
        assert sum(one.in_slot and one.is_bulk for one in seats) <= max(1, slots // 2)
        for priority in PRIORITIES:
            waits = [one for one in seats if not one.in_slot and one.priority == priority]
            assert room.in_lane(priority) == len(waits)
    for one in seats:
        room.leave(one)
    assert (room.in_slots, room.in_line) == (0, 0)


@virtually
async def test_beside_people_bulk_is_begun_at_its_pace_and_without_them_as_fast_as_it_can() -> None:
    router = Router(RoomLimits(slots=1000, places=4000))
    router.claims.waiting.pace = Pace(per_s=20.0)
    await router.start()
    people = await router.ask("people", priority="interactive")
    bulk = await router.ask("batch", 800, deadline_s=600.0, priority="bulk")

    await asyncio.sleep(10.0)
    assert 190 <= len(router.settled(bulk)) <= 210
    await asyncio.sleep(25.0)
    assert len(router.settled(bulk)) == 800, "nobody has asked for half a minute"
    assert len(router.settled(people)) == 1
