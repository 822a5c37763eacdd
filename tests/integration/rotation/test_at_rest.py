"""Every secret at rest is found, also the large ones; what was altered is left, what is spoiled is taken back."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.__main__ import SEALED_PLACES
from services.rotation.resealing import SealedRow
from services.rotation.store import RotationStore
from shared.db.pool import Connection
from shared.errors import TallygateError
from shared.registry.store import REGISTRY_CHANNEL
from tests.support.live import Live
from tests.support.rotation import (
    MESSAGES,
    NEW_FIRST,
    add_messages,
    add_provider_keys,
    delete_messages,
    delete_provider_keys,
    messages,
    new_tenant,
    opened_pool,
    opened_provider_keys,
    provider_keys,
    rotate_within,
    run,
    with_keys,
)


async def test_large_secrets_are_read_a_few_at_a_time_and_none_is_left_out(own: Live, database: Connection) -> None:
    tenant = await new_tenant(own)
    await add_messages(database, tenant.id, 7, b"x" * 3_000_000)
    [place] = [of for of in SEALED_PLACES if of.name == MESSAGES]
    async with opened_pool(own) as pool:
        store, seen = RotationStore(pool), list[SealedRow]()
        while rows := await store.after(place, seen[-1].key if seen else None):
            assert sum(len(one.value) for one in rows) < 13_000_000
            seen += rows
    assert {one.key[-1] for one in seen if one.tenant_id == tenant.id} == set(await messages(database, tenant.id))
    assert len({one.key for one in seen}) == len(seen)
    await delete_messages(database, tenant.id)


async def test_what_was_altered_is_reported_and_left_and_the_others_are_rotated(
    own: Live, database: Connection
) -> None:
    tenant = await new_tenant(own)
    secrets = {f"provider-{number}": f"sk-{tenant.id}-{number}" for number in range(30)}
    await add_provider_keys(database, tenant.id, secrets)
    altered = await alter(database, tenant.id, "provider-7")
    notified: set[object] = set()
    await database.add_listener(REGISTRY_CHANNEL, lambda *heard: notified.add(heard[-1]))
    try:
        result = await run(own, "rotate", NEW_FIRST, status=1)

        await database.execute("SELECT 1")
        assert tenant.id in notified

        [found] = result["unreadable"]
        assert found["reason"] == "it was altered, or sealed for another place"
        assert (found["place"], found["tenant"], found["id"], found["kid"]) == (
            "provider_keys.sealed_api_key", tenant.id, "provider-7", "k1",
        )  # fmt: skip
        stored = await provider_keys(database, tenant.id)
        assert stored.pop("provider-7") == altered
        del secrets["provider-7"]
        assert opened_provider_keys(tenant.id, stored) == secrets

        status, shown = await asyncio.gather(
            run(own, "status", NEW_FIRST, status=1),
            with_keys(own, NEW_FIRST).command("secrets", "status", check=False),
        )
        assert status["unreadable"] == [found]
        assert status["removable_keys"] == []
        assert shown.returncode == 1
        assert tenant.id in shown.stdout
        assert "provider-7" in shown.stdout
        assert f"sk-{tenant.id}" not in shown.stdout + shown.stderr + json.dumps([result, status])
    finally:
        await delete_provider_keys(database, tenant.id)


async def test_a_batch_that_the_database_spoils_is_taken_back(own: Live, database: Connection) -> None:
    tenant = await new_tenant(own)
    await add_provider_keys(database, tenant.id, {f"provider-{number}": "sk-whole" for number in range(3)})
    before = await provider_keys(database, tenant.id)

    try:
        async with spoiled(database, tenant.id):
            with pytest.raises(TallygateError, match="read back other than it was written"):
                await rotate_within(own, NEW_FIRST)
            assert await provider_keys(database, tenant.id) == before

        assert (await rotate_within(own, NEW_FIRST))["unreadable"] == []
        opened = opened_provider_keys(tenant.id, await provider_keys(database, tenant.id))
        assert opened == dict.fromkeys(before, "sk-whole")
    finally:
        await delete_provider_keys(database, tenant.id)


@asynccontextmanager
async def spoiled(database: Connection, tenant_id: str) -> AsyncIterator[None]:
    """The database cuts off the end of what is written into one row of the tenant."""
    await database.execute(f"""
        CREATE FUNCTION gateway.spoil() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.sealed_api_key := left(NEW.sealed_api_key, -4); RETURN NEW; END $$;
        CREATE TRIGGER spoil BEFORE UPDATE ON gateway.provider_keys FOR EACH ROW
        WHEN (NEW.tenant_id = '{tenant_id}' AND NEW.provider = 'provider-1') EXECUTE FUNCTION gateway.spoil();
    """)
    try:
        yield
    finally:
        await database.execute("DROP FUNCTION gateway.spoil() CASCADE")


async def alter(database: Connection, tenant_id: str, provider: str) -> str:
    """One character of what is sealed; returns what is stored now."""
    whole = (await provider_keys(database, tenant_id))[provider]
    altered = whole[:-8] + ("A" if whole[-8] != "A" else "B") + whole[-7:]
    change = "UPDATE gateway.provider_keys SET sealed_api_key = $3 WHERE tenant_id = $1 AND provider = $2"
    await database.execute(change, tenant_id, provider, altered)
    return altered
