"""What is booked, and what recovery reads of it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings

from services.monitor.books.books import Booked, fold
from services.monitor.recovery.claimed import Claimed
from services.monitor.recovery.lease import LeaseLostError
from services.monitor.recovery.orphans import Orphan
from services.monitor.recovery.store import Redelivered
from shared.errors import failure
from shared.events import new_id, utc_now
from tests.stores.bench import Stores, memory_stores
from tests.stores.events import Said, asked, said
from tests.unit.shared.events.samples import NOW, ended, handed_back, held, requested, settled, started

_ALL = {3: 1_000_000}
CLAIMED = Claimed(_ALL, _ALL)  # what the routers have committed
_SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


async def book(stores: Stores, *events: Booked) -> int:
    return await stores.books.book(fold(events), NOW)


async def orphaned(stores: Stores, dead: Sequence[str]) -> list[UUID]:
    return [orphan.inference_id for orphan in await stores.recovery.orphans(dead, CLAIMED)]


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
    orphans = [await stores.recovery.orphans([router], CLAIMED) for router in routers]
    assert [ids["inference_id"] in [orphan.inference_id for orphan in found] for found in orphans] == [False, True]
    assert routers[1] in await stores.recovery.routers_with_open_work()


async def test_an_attempt_is_lost_with_its_router_also_when_somebody_else_has_settled(stores: Stores) -> None:
    ids, router = {"inference_id": new_id(), "attempt_id": new_id()}, f"r-{new_id()}"
    await book(stores, started(**ids, router_id=router), settled(inference_id=ids["inference_id"]))
    [lost] = await stores.recovery.lost_attempts([router])
    assert (lost.attempt_id, lost.router_id, lost.tenant_id) == (ids["attempt_id"], router, "acme")
    assert router not in [orphan.router_id for orphan in await stores.recovery.orphans([router], CLAIMED)]
    assert router in await stores.recovery.routers_with_open_work()
    await book(stores, ended(**ids, outcome="failed", error=failure("router_lost", "gone")))
    assert await stores.recovery.lost_attempts([router]) == []


async def test_what_waits_in_a_router_is_an_orphan_when_that_is_gone_or_has_handed_it_back(stores: Stores) -> None:
    ids, router = {"inference_id": new_id()}, f"r-{new_id()}"
    waits = held(**ids, router_id=router)
    await book(stores, waits)
    [orphan] = [one for one in await stores.recovery.orphans([router], CLAIMED) if one.router_id == router]
    assert (orphan.inference_id, orphan.attempts, orphan.request_offset) == (ids["inference_id"], [], 42)
    await book(stores, handed_back(waits))
    nobody = f"{router} (handed back)"
    assert nobody in await stores.recovery.routers_with_open_work()
    assert ids["inference_id"] in await orphaned(stores, [nobody])


async def test_handing_back_says_nothing_of_a_later_claim(stores: Stores) -> None:
    ids, routers = {"inference_id": new_id()}, [f"r-{new_id()}" for _ in range(2)]
    waits = held(**ids, router_id=routers[0])
    claims_later = held(**ids, router_id=routers[1], held_at=waits.held_at + timedelta(seconds=1), event_id=new_id())
    await book(stores, waits)
    await book(stores, claims_later)
    await book(stores, handed_back(waits))
    assert ids["inference_id"] in [
        orphan.inference_id for orphan in await stores.recovery.orphans([routers[1]], CLAIMED)
    ]


async def test_a_claim_that_failed_takes_nothing_from_the_router_where_it_waits(stores: Stores) -> None:
    ids, routers = {"inference_id": new_id()}, [f"r-{new_id()}" for _ in range(2)]
    waits = held(**ids, router_id=routers[0])
    later = held(**ids, router_id=routers[1], held_at=waits.held_at + timedelta(seconds=3), event_id=new_id())
    await book(stores, waits)
    await book(stores, later, handed_back(later))
    nobody = f"{routers[1]} (handed back)"
    assert {routers[0], nobody} <= set(await stores.recovery.routers_with_open_work())
    assert ids["inference_id"] not in [
        orphan.inference_id for orphan in await stores.recovery.orphans([nobody], CLAIMED)
    ]
    dead = [nobody, routers[0]]
    assert ids["inference_id"] in await orphaned(stores, dead)


async def test_what_a_living_router_calls_for_is_no_orphan_whoever_claimed_last_by_its_clock(stores: Stores) -> None:
    ids, routers = {"inference_id": new_id()}, [f"r-{new_id()}" for _ in range(2)]
    calls = started(**ids, attempt_id=new_id(), router_id=routers[0])
    ahead = held(**ids, router_id=routers[1], held_at=calls.started_at + timedelta(seconds=9))
    await book(stores, calls, ahead, handed_back(ahead))
    nobody = f"{routers[1]} (handed back)"
    assert ids["inference_id"] not in [
        orphan.inference_id for orphan in await stores.recovery.orphans([nobody], CLAIMED)
    ]
    dead = [nobody, routers[0]]
    assert ids["inference_id"] in await orphaned(stores, dead)


async def test_a_redelivery_is_intended_until_it_is_published(stores: Stores) -> None:
    ids, router = {"inference_id": new_id(), "attempt_id": new_id()}, f"r-{new_id()}"
    await book(stores, started(**ids, router_id=router))
    [orphan] = [one for one in await stores.recovery.orphans([router], CLAIMED) if one.router_id == router]
    holder = f"m-{new_id()}"
    assert await stores.recovery.take_lease(holder, 10.0)
    assert await stores.recovery.intend_redelivery(orphan, 2, NOW, holder)
    assert await stores.recovery.intend_redelivery(orphan, 2, NOW, holder)
    await stores.recovery.redelivered(orphan.inference_id, 2, NOW)
    assert not await stores.recovery.intend_redelivery(orphan, 2, NOW, holder)
    told = [one for one in await stores.recovery.redelivered_since(NOW, 1000) if one.lost_by == router]
    assert told == [Redelivered(orphan.inference_id, 2, router, NOW, NOW, orphan.tenant_id, None)]
    assert await stores.recovery.intend_redelivery(orphan, 3, NOW, holder)
    await stores.recovery.end_lease(holder)
    with pytest.raises(LeaseLostError):  # whoever is late writes nothing
        await stores.recovery.intend_redelivery(orphan, 4, NOW, holder)


async def test_one_process_recovers_until_it_says_so_or_its_lease_ends(stores: Stores) -> None:
    mine, theirs = f"m-{new_id()}", f"m-{new_id()}"
    recovery = stores.recovery
    assert await recovery.take_lease(mine, 10.0)
    assert not await stores.other_recovery.take_lease(theirs, 10.0)
    assert await recovery.renew_lease(mine, 0.05)
    await asyncio.sleep(0.1)
    assert not await recovery.renew_lease(mine, 10.0)
    assert await stores.other_recovery.take_lease(theirs, 10.0)
    await recovery.end_lease(mine)  # of one that it has no more
    assert await stores.other_recovery.renew_lease(theirs, 10.0)
    await stores.other_recovery.end_lease(theirs)


async def test_what_was_claimed_and_never_begun_is_an_orphan(stores: Stores) -> None:
    request = asked(requested(inference_id=new_id(), reply_partition=3, store_result=True), 7)
    await book(stores, request)
    found = [await stores.recovery.orphans([], Claimed({request.partition: claimed}, _ALL)) for claimed in (7, 8)]
    mine = [[one for one in orphans if one.inference_id == request.request.inference_id] for orphans in found]
    assert mine[0] == []
    [orphan] = mine[1]
    assert (orphan.router_id, orphan.request_offset, orphan.reply_partition, orphan.store_result) == (None, 7, 3, True)


async def test_what_was_claimed_a_moment_ago_is_no_orphan_unless_its_router_has_let_go_of_it(stores: Stores) -> None:
    """What is on record of it may still be on its way, whatever is said of a router that did not get it."""
    just_now = Claimed(_ALL, {3: 42})
    ids, router = {"inference_id": new_id()}, f"r-{new_id()}"
    waits = held(**ids, router_id=router)
    assert waits.request_offset == 42
    nobody = f"{router} (handed back)"
    await book(stores, asked(requested(**ids), 42), waits, handed_back(waits))
    assert ids["inference_id"] not in [one.inference_id for one in await stores.recovery.orphans([nobody], just_now)]
    await book(stores, handed_back(waits, was_claimed=True))
    assert ids["inference_id"] in [one.inference_id for one in await stores.recovery.orphans([nobody], just_now)]


async def test_a_redelivery_that_waits_in_kafka_is_no_orphan_although_its_last_router_is_dead(stores: Stores) -> None:
    ids, router = {"inference_id": new_id(), "attempt_id": new_id()}, f"r-{new_id()}"
    await book(stores, started(**ids, router_id=router, request_offset=7))
    await book(stores, asked(requested(inference_id=ids["inference_id"], delivery=2), 9))
    claimed = [await stores.recovery.orphans([router], Claimed({3: before}, _ALL)) for before in (9, 10)]
    assert [[one.delivery for one in some if one.inference_id == ids["inference_id"]] for some in claimed] == [[], [2]]
    assert not await stores.inferences.begun("acme", ids["inference_id"], 2)


async def test_what_is_open_past_its_deadline_is_overdue_whoever_has_it(stores: Stores) -> None:
    now = utc_now()
    past = {"accepted_at": now - timedelta(seconds=9), "deadline_at": now - timedelta(seconds=5)}
    waits, between, open_call = new_id(), new_id(), {"inference_id": new_id(), "attempt_id": new_id()}
    failed = {"inference_id": between, "attempt_id": new_id()}
    await book(stores, asked(requested(inference_id=waits, **past), 1), started(**failed, **past))
    await book(stores, ended(**failed, outcome="failed", error=failure("server_error", "500")))
    await book(stores, started(**open_call, **past), settled(inference_id=open_call["inference_id"]))
    ahead = new_id()  # accepted by a clock that is an hour ahead, and as long ago as it wanted to wait
    far = {"accepted_at": now + timedelta(hours=1), "deadline_at": now + timedelta(hours=1, seconds=0.1)}
    await book(stores, asked(requested(inference_id=ahead, **far), 2))
    later = new_id()
    await book(stores, asked(requested(inference_id=later, accepted_at=now), 3))
    known_for_less = await stores.recovery.overdue(60.0, 1000)
    assert waits not in [one.inference_id for one in known_for_less]
    await asyncio.sleep(0.25)
    overdue = [one.inference_id for one in await stores.recovery.overdue(0.1, 1000)]
    assert {waits, between, ahead} <= set(overdue)
    assert not {later, open_call["inference_id"]} & set(overdue)
    attempts = [one.attempt_id for one in await stores.recovery.overdue_attempts(0.1, 1000)]
    assert open_call["attempt_id"] in attempts
    assert failed["attempt_id"] not in attempts


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
    assert not await memory.recovery.is_work_open() or await sql.recovery.is_work_open()
    assert set(working) == set(await sql.recovery.routers_with_open_work()) & known
    for dead in ((), events.routers[:1], events.routers, (*nobody, events.routers[0]), (*nobody, *events.routers)):
        assert await memory.recovery.lost_attempts(dead) == await sql.recovery.lost_attempts(dead)
        for claimed in (Claimed({}, {}), Claimed({3: 5}, {3: 5}), Claimed(_ALL, {3: 4}), Claimed(_ALL, {}), CLAIMED):
            found = await sql.recovery.orphans(dead, claimed)
            assert await memory.recovery.orphans(dead, claimed) == _of(events, found)
    for inference_id in events.inferences:
        for delivery in (1, 2, 3):
            begun = await memory.inferences.begun("acme", inference_id, delivery)
            assert begun == await sql.inferences.begun("acme", inference_id, delivery)


def _of(events: Said, orphans: list[Orphan]) -> list[Orphan]:
    return [orphan for orphan in orphans if orphan.inference_id in events.inferences]
