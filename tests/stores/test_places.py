"""The places of models as the database shares them: one suite for the table and for what stands for it in memory."""

import asyncio

import pytest

from services.router.store import PlacesStore, SqlPlacesStore, Want
from shared.events import new_id
from tests.support.places import MemoryPlacesStore

LIMIT, LONG_S = 5, 60.0


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.real_postgres)])
def store(request: pytest.FixtureRequest) -> PlacesStore:
    if request.param == "memory":
        return MemoryPlacesStore()
    return SqlPlacesStore(request.getfixturevalue("pool"))


def want(model: str, held: int = 0, floor: int = 0, wanted: int = LIMIT, waited_s: float = 0.0) -> Want:
    return Want(("acme", model), LIMIT, floor, held, wanted, waited_s)


async def asks(store: PlacesStore, router_id: str, *wants: Want, lease_s: float = LONG_S) -> list[int]:
    given = await store.ask(router_id, wants, lease_s)
    return [given[one.key].held for one in wants]


async def test_those_that_ask_at_the_same_moment_never_get_more_than_there_are(store: PlacesStore) -> None:
    models = [f"m-{new_id()}", f"m-{new_id()}"]
    held = {f"r{number}": [0, 0] for number in range(4)}
    for turn in range(5):
        wanted = {
            name: [want(model, has, min(has, turn % 2)) for model, has in zip(models, had, strict=True)]
            for name, had in held.items()
        }
        # In another order of models by every second router: none may wait for one that waits for it.
        answers = await asyncio.gather(
            *(asks(store, name, *(wants if number % 2 else wants[::-1])) for number, (name, wants) in
              enumerate(wanted.items()))
        )  # fmt: skip
        for number, (name, answer) in enumerate(zip(held, answers, strict=True)):
            held[name] = answer if number % 2 else answer[::-1]
        for place in range(2):
            assert sum(had[place] for had in held.values()) <= LIMIT
    assert all(had[place] >= 1 for had in held.values() for place in range(2))


async def test_what_is_not_asked_for_again_comes_free_when_its_time_has_passed(store: PlacesStore) -> None:
    model = f"m-{new_id()}"
    assert await asks(store, "lost", want(model), lease_s=0.3) == [LIMIT]
    assert await asks(store, "other", want(model)) == [0]
    async with asyncio.timeout(20):
        while await asks(store, "other", want(model)) != [LIMIT]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_what_a_router_leaves_is_free_at_once(store: PlacesStore) -> None:
    model = f"m-{new_id()}"
    assert await asks(store, "first", want(model)) == [LIMIT]
    await asks(store, "first", want(model, LIMIT, wanted=0)._replace(leaves=True))
    assert await asks(store, "second", want(model)) == [LIMIT]
    await store.leave("second")
    assert await asks(store, "third", want(model)) == [LIMIT]


async def test_one_place_goes_to_who_has_waited_longest(store: PlacesStore) -> None:
    model = f"m-{new_id()}"
    one = want(model)._replace(limit=1)
    assert await asks(store, "first", one) == [1]
    assert await asks(store, "second", one._replace(waited_s=3.0)) == [0]
    assert await asks(store, "third", one._replace(waited_s=9.0)) == [0]
    assert await asks(store, "first", one._replace(held=1)) == [0]
    assert await asks(store, "second", one._replace(waited_s=3.0)) == [0]
    assert await asks(store, "third", one._replace(waited_s=9.0)) == [1]
