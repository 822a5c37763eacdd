"""A secret that somebody changes while it is sealed anew keeps the new value."""

import asyncio
import random
import sys
import uuid
from typing import Any

import asyncpg

from services.__main__ import SEALED_PLACES
from services.rotation.rotation import rotate
from services.rotation.store import RotationStore
from shared.crypto import KeyRing, SealedContext, seal
from shared.crypto.places import SealedPlace
from shared.db.pool import Connection
from tests.support.live import Live
from tests.support.rotation import (
    NEW_FIRST,
    OLD,
    OLD_FIRST,
    Tenant,
    add_provider_keys,
    calls_every_model,
    new_tenant,
    opened_pool,
    opened_provider_keys,
    provider_keys,
    result_of,
    rotate_within,
    start_rotation,
    unseen,
)

_MODELS, _CALLERS = 12, 4
_ROTATIONS, _MISSED = 30, 20
_PATIENCE_S = 30.0


async def test_a_secret_that_is_changed_while_it_is_sealed_anew_keeps_the_new_value(
    own: Live, database: Connection
) -> None:
    """The change is made and not committed when the rotation comes: it waits, sees that it came second, looks again."""
    tenant = await new_tenant(own)
    await add_provider_keys(database, tenant.id, {f"provider-{number}": "older" for number in range(10)})
    newer = seal(OLD, SealedContext(tenant.id, "provider_api_key", "provider-3"), b"newer")
    change = database.transaction()
    await change.start()
    await database.execute(
        "UPDATE gateway.provider_keys SET sealed_api_key = $2 WHERE tenant_id = $1 AND provider = 'provider-3'",
        tenant.id, newer,
    )  # fmt: skip

    process = start_rotation(own)
    try:
        await waits_for_a_lock(own)
    finally:
        await change.commit()
    result = await result_of(process)

    opened = opened_provider_keys(tenant.id, await provider_keys(database, tenant.id))
    assert opened == {one: "newer" if one == "provider-3" else "older" for one in opened}
    assert {one["place"]: one["resealed"] for one in result["places"]}["provider_keys.sealed_api_key"] == 10


async def waits_for_a_lock(own: Live) -> None:
    watching = await asyncpg.connect(own.environment["DATABASE_URL"])
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%provider_keys%'"
    try:
        async with asyncio.timeout(20):
            while not await watching.fetchval(waiting):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        await watching.close()


class CountingStore(RotationStore):
    """Counts the secrets that somebody changed between the look and the write."""

    missed = 0

    async def replace(self, place: SealedPlace, wanted: Any, check: Any) -> Any:
        done = await super().replace(place, wanted, check)
        self.missed += len(wanted) - len(done)
        return done


async def test_keys_that_callers_change_meanwhile_keep_the_new_value(own: Live) -> None:
    """Rotated to and fro, until callers have come between the look and the write a few times."""
    tenant = await new_tenant(own)
    for number in range(_MODELS):
        model = await tenant.api.add_model(f"model-{number}", own.model_server_url, api_key="sk-first")
        tenant.keys[model] = "sk-first"
    enough, names = asyncio.Event(), list(tenant.keys)
    changing = [asyncio.create_task(change_keys(tenant, names[number::_CALLERS], enough)) for number in range(_CALLERS)]
    try:
        rotations, missed = await rotate_until_missed(own)
    finally:
        enough.set()
        changes = sum(await asyncio.gather(*changing))

    sys.stderr.write(f"{changes} keys were changed during {rotations} rotations, {missed} between look and write\n")
    await rotate_within(own, NEW_FIRST)
    await calls_every_model(own, [tenant])
    assert missed >= _MISSED


async def change_keys(tenant: Tenant, models: list[str], enough: asyncio.Event) -> int:
    """One after the other, until it is enough; returns how many."""
    changes = 0
    while not enough.is_set():
        model, key = random.choice(models), f"sk-{uuid.uuid4().hex}"
        answer = await tenant.api.call("PATCH", f"/api/models/custom/{model}", {"api_key": key})
        assert answer.status == 200, answer
        tenant.keys[model], changes = key, changes + 1
    return changes


async def rotate_until_missed(own: Live) -> tuple[int, int]:
    """How many rotations there were, and how often one of them found a secret changed under its hands."""
    clock, rings = asyncio.get_running_loop().time, (KeyRing.parse(NEW_FIRST), KeyRing.parse(OLD_FIRST))
    rotations, end = 0, clock() + _PATIENCE_S
    async with opened_pool(own) as pool:
        store = CountingStore(pool)
        while (rotations < _ROTATIONS or store.missed < _MISSED) and clock() < end:
            assert (await rotate(store, rings[rotations % 2], SEALED_PLACES, unseen)).unreadable == []
            rotations += 1
    return rotations, store.missed
