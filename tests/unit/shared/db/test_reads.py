import asyncio

import pytest

from shared.db.reads import Turns
from shared.errors import TallygateError


async def begun(turns: Turns, tenants: str) -> list[tuple[str, "asyncio.Task[None]"]]:
    tasks = [(tenant, asyncio.create_task(turns.take(tenant))) for tenant in tenants]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


def running(tasks: list[tuple[str, "asyncio.Task[None]"]]) -> str:
    return "".join(tenant for tenant, task in tasks if task.done())


async def stop(tasks: list[tuple[str, "asyncio.Task[None]"]]) -> None:
    for _, task in tasks:
        task.cancel()
    await asyncio.gather(*(task for _, task in tasks), return_exceptions=True)


async def test_a_tenant_that_asks_for_much_leaves_room_for_another() -> None:
    turns = Turns(4, 2, 100)
    tasks = await begun(turns, "aaaaaaab")
    assert running(tasks) == "aab"
    await stop(tasks)


async def test_who_waits_gets_a_turn_tenant_after_tenant() -> None:
    turns, order = Turns(1, 1, 100), []

    async def read(tenant: str) -> None:
        await turns.take(tenant)
        order.append(tenant)
        await asyncio.sleep(0)
        turns.give(tenant)

    await asyncio.gather(*(read(tenant) for tenant in "aaaabc"))
    assert sorted(order) == list("aaaabc")
    assert order.index("c") <= 3  # its turn comes before the rest of a's


async def test_more_than_may_wait_are_refused_with_when_to_come_again() -> None:
    turns = Turns(1, 1, 2)
    tasks = await begun(turns, "aaa")
    with pytest.raises(TallygateError, match="wait for their turn already") as refused:
        await turns.take("a")
    assert (refused.value.failure.http_status, refused.value.failure.retry_after_s) == (429, 1.0)
    tasks += await begun(turns, "b")
    await stop(tasks)


async def test_who_goes_away_leaves_its_place_to_the_next() -> None:
    turns = Turns(1, 1, 100)
    [(_, first), (_, second), (_, third)] = await begun(turns, "abc")
    second.cancel()
    turns.give("a")
    third.cancel()  # its turn has come, and it does not know yet
    await asyncio.gather(second, third, return_exceptions=True)
    assert first.done()
    assert running(await begun(turns, "d")) == "d"
