"""What is booked, and what recovery reads of it."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from services.monitor.books.books import fold
from services.monitor.recovery.orphans import Orphan
from shared.errors import failure
from shared.events import InferenceEvent, new_id
from tests.stores.bench import Stores, memory_stores
from tests.stores.events import Said, said
from tests.unit.shared.events.samples import NOW, ended, handed_back, held, settled, started

_SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


async def book(stores: Stores, *events: InferenceEvent) -> int:
    return await stores.books.book(fold(events), NOW)


async def test_of_two_words_in_two_batches_the_first_counts_and_the_other_is_kept(stores: Stores) -> None:
    ids = {"inference_id": new_id(), "attempt_id": new_id()}
    first, second = ended(**ids, event_id=new_id()), ended(**ids, event_id=new_id(), outcome="failed")
    assert await book(stores, first) == 0
    assert await book(stores, second) == 1
    assert await book(stores, first) == await book(stores, second) - 1 == 0  # once more, which changes nothing
    books = await stores.books_of([ids["inference_id"]])
    assert books.attempts[ids["attempt_id"]]["outcome_event_id"] == first.event_id
    assert list(books.late) == [second.event_id]


async def test_who_works_on_an_inference_is_told_by_the_newest_start(stores: Stores) -> None:
    ids, routers = {"inference_id": new_id()}, [f"r-{new_id()}" for _ in range(2)]
    await book(stores, started(**ids, attempt_id=new_id(), delivery=2, router_id=routers[1]))
    older = ids | {"attempt_id": new_id()}
    await book(stores, started(**older, delivery=1, router_id=routers[0]))
    await book(stores, ended(**older, outcome="failed", error=failure("router_lost", "gone")))
    orphans = [await stores.recovery.orphans([router]) for router in routers]
    assert [ids["inference_id"] in [orphan.inference_id for orphan in found] for found in orphans] == [False, True]
    assert routers[1] in await stores.recovery.routers_with_open_work()


async def test_an_attempt_is_lost_with_its_router_also_when_somebody_else_has_settled(stores: Stores) -> None:
    ids, router = {"inference_id": new_id(), "attempt_id": new_id()}, f"r-{new_id()}"
    await book(stores, started(**ids, router_id=router), settled(inference_id=ids["inference_id"]))
    [lost] = await stores.recovery.lost_attempts([router])
    assert (lost.attempt_id, lost.router_id, lost.tenant_id) == (ids["attempt_id"], router, "acme")
    assert router not in [orphan.router_id for orphan in await stores.recovery.orphans([router])]
    assert router in await stores.recovery.routers_with_open_work()
    await book(stores, ended(**ids, outcome="failed", error=failure("router_lost", "gone")))
    assert await stores.recovery.lost_attempts([router]) == []


async def test_what_waits_in_a_router_is_an_orphan_when_that_is_gone_or_has_handed_it_back(stores: Stores) -> None:
    ids, router = {"inference_id": new_id()}, f"r-{new_id()}"
    waits = held(**ids, router_id=router)
    await book(stores, waits)
    [orphan] = [one for one in await stores.recovery.orphans([router]) if one.router_id == router]
    assert (orphan.inference_id, orphan.attempts, orphan.request_offset) == (ids["inference_id"], [], 42)
    await book(stores, handed_back(waits))
    nobody = f"{router} (handed back)"
    assert nobody in await stores.recovery.routers_with_open_work()
    assert ids["inference_id"] in [orphan.inference_id for orphan in await stores.recovery.orphans([nobody])]


async def test_handing_back_says_nothing_of_a_later_claim(stores: Stores) -> None:
    ids, routers = {"inference_id": new_id()}, [f"r-{new_id()}" for _ in range(2)]
    waits = held(**ids, router_id=routers[0])
    claims_later = held(**ids, router_id=routers[1], held_at=waits.held_at + timedelta(seconds=1), event_id=new_id())
    await book(stores, waits)
    await book(stores, claims_later)
    await book(stores, handed_back(waits))
    assert ids["inference_id"] in [orphan.inference_id for orphan in await stores.recovery.orphans([routers[1]])]


async def test_a_claim_that_failed_takes_nothing_from_the_router_where_it_waits(stores: Stores) -> None:
    ids, routers = {"inference_id": new_id()}, [f"r-{new_id()}" for _ in range(2)]
    waits = held(**ids, router_id=routers[0])
    later = held(**ids, router_id=routers[1], held_at=waits.held_at + timedelta(seconds=3), event_id=new_id())
    await book(stores, waits)
    await book(stores, later, handed_back(later))
    nobody = f"{routers[1]} (handed back)"
    assert {routers[0], nobody} <= set(await stores.recovery.routers_with_open_work())
    assert ids["inference_id"] not in [orphan.inference_id for orphan in await stores.recovery.orphans([nobody])]
    dead = [nobody, routers[0]]
    assert ids["inference_id"] in [orphan.inference_id for orphan in await stores.recovery.orphans(dead)]


async def test_what_a_living_router_calls_for_is_no_orphan_whoever_claimed_last_by_its_clock(stores: Stores) -> None:
    ids, routers = {"inference_id": new_id()}, [f"r-{new_id()}" for _ in range(2)]
    calls = started(**ids, attempt_id=new_id(), router_id=routers[0])
    ahead = held(**ids, router_id=routers[1], held_at=calls.started_at + timedelta(seconds=9))
    await book(stores, calls, ahead, handed_back(ahead))
    nobody = f"{routers[1]} (handed back)"
    assert ids["inference_id"] not in [orphan.inference_id for orphan in await stores.recovery.orphans([nobody])]
    dead = [nobody, routers[0]]
    assert ids["inference_id"] in [orphan.inference_id for orphan in await stores.recovery.orphans(dead)]


async def test_a_redelivery_is_intended_until_it_is_published(stores: Stores) -> None:
    ids, router = {"inference_id": new_id(), "attempt_id": new_id()}, f"r-{new_id()}"
    await book(stores, started(**ids, router_id=router))
    [orphan] = [one for one in await stores.recovery.orphans([router]) if one.router_id == router]
    assert await stores.recovery.intend_redelivery(orphan, 2, NOW)
    assert await stores.recovery.intend_redelivery(orphan, 2, NOW)
    await stores.recovery.redelivered(orphan.inference_id, 2, NOW)
    assert not await stores.recovery.intend_redelivery(orphan, 2, NOW)
    assert await stores.recovery.intend_redelivery(orphan, 3, NOW)


async def test_one_process_recovers_at_a_time(stores: Stores) -> None:
    async with stores.recovery.recovery_lock() as mine, stores.other_recovery.recovery_lock() as theirs:
        assert (mine, theirs) == (True, False)
    async with stores.other_recovery.recovery_lock() as theirs:
        assert theirs


async def test_a_delivery_is_begun_when_a_router_began_with_it_or_it_is_settled(stores: Stores) -> None:
    ids = {"inference_id": new_id(), "attempt_id": new_id()}
    begun, inference_id = stores.inferences.begun, ids["inference_id"]
    assert not await begun("acme", inference_id, 1)
    await book(stores, started(**ids, delivery=1))
    assert await begun("acme", inference_id, 1)
    assert not await begun("acme", inference_id, 2)
    assert not await begun("stranger", inference_id, 1)
    await book(stores, settled(inference_id=inference_id))
    assert await begun("acme", inference_id, 2)


@pytest.mark.real_postgres
@_SHARED
@given(said())
async def test_memory_holds_what_postgresql_holds(sql: Stores, events: Said) -> None:
    memory = memory_stores()
    for batch in events.batches:
        assert await book(memory, *batch) == await book(sql, *batch)
    assert await memory.books_of(events.inferences) == await sql.books_of(events.inferences)


@pytest.mark.real_postgres
@_SHARED
@given(said())
async def test_recovery_reads_from_memory_what_it_reads_from_postgresql(sql: Stores, events: Said) -> None:
    memory = memory_stores()
    for batch in events.batches:
        await book(memory, *batch)
        await book(sql, *batch)
    working = await memory.recovery.routers_with_open_work()
    nobody = tuple(f"{router} (handed back)" for router in events.routers)
    known = {*events.routers, *nobody}
    assert set(working) == set(await sql.recovery.routers_with_open_work()) & known
    for dead in ((), events.routers[:1], events.routers, (*nobody, events.routers[0]), (*nobody, *events.routers)):
        assert await memory.recovery.lost_attempts(dead) == await sql.recovery.lost_attempts(dead)
        assert await memory.recovery.orphans(dead) == _of(events, await sql.recovery.orphans(dead))
    for inference_id in events.inferences:
        for delivery in (1, 2, 3):
            begun = await memory.inferences.begun("acme", inference_id, delivery)
            assert begun == await sql.inferences.begun("acme", inference_id, delivery)


def _of(events: Said, orphans: list[Orphan]) -> list[Orphan]:
    return [orphan for orphan in orphans if orphan.inference_id in events.inferences]
