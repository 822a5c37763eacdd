"""The registry goes on, whatever one reading of the tables brings."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from shared.registry import Registry
from shared.registry.store import RegistryStore, TenantRows
from shared.registry.terms import Terms
from tests.unit.shared.registry.test_models import model


class Store:
    """The tables: one answer for each reading of a tenant, or what it raises."""

    def __init__(self) -> None:
        self.rows: dict[str, TenantRows | Exception] = {}

    async def tenant(self, tenant_id: str) -> TenantRows:
        found = self.rows[tenant_id]
        if isinstance(found, Exception):
            raise found
        return found

    async def tenants(self) -> dict[str, TenantRows]:
        return {tenant_id: await self.tenant(tenant_id) for tenant_id in self.rows}


@pytest.fixture
def store() -> Store:
    return Store()


@pytest_asyncio.fixture
async def registry(store: Store) -> AsyncIterator[Registry]:
    registry = Registry(store, {}, retry_s=0.01)  # type: ignore[arg-type]
    store.rows["acme"] = TenantRows(1, custom=[model(id="custom:m")])
    await registry.start()
    yield registry
    await registry.stop()


async def _version(registry: Registry, version: int) -> None:
    async with asyncio.timeout(30):
        while registry.of("acme").version < version:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("error", [ConnectionRefusedError(), ValueError("a password that was changed, say")])
async def test_a_reading_that_fails_is_repeated(store: Store, registry: Registry, error: Exception) -> None:
    store.rows["acme"] = error
    registry.changed("acme")
    await asyncio.sleep(0.05)
    assert registry.of("acme").version == 1

    store.rows["acme"] = TenantRows(2)

    await _version(registry, 2)


async def test_a_reading_that_began_earlier_does_not_set_back_what_is_known(store: Store, registry: Registry) -> None:
    store.rows["acme"] = TenantRows(5)
    await registry.refresh("acme")
    store.rows["acme"] = TenantRows(4, custom=[model(id="custom:old")])

    await registry.refresh("acme")

    assert (registry.of("acme").version, registry.of("acme").get("custom:old")) == (5, None)


async def test_of_rows_that_cannot_be_read_the_last_ones_that_could_stay(store: Store, registry: Registry) -> None:
    store.rows["acme"] = TenantRows(2, Terms(usd_per_day=0), readable=False)

    kept = await registry.at_least("acme", 2)

    assert (kept.version, kept.terms.usd_per_day, list(kept.custom)) == (2, None, ["custom:m"])


async def test_everything_is_read_at_its_interval_however_much_is_notified(store: Store) -> None:
    """Otherwise what is known would be too old for all after five minutes of changes without a pause."""
    store.rows["acme"] = TenantRows(1)
    registry = Registry(store, {}, read_all_every_s=0.05)  # type: ignore[arg-type]
    await registry.start()
    store.rows["other"] = TenantRows(1)  # a change of which no notification came

    async with asyncio.timeout(30):
        while not registry.of("other").version:
            registry.changed("acme")
            await asyncio.sleep(0.005)

    await registry.stop()


def _row(tenant_id: str, **more: Any) -> dict[str, Any]:
    empty = {"registry_version": 3, "terms": {}, "provider_keys": None, "model_id": None}
    return {"tenant_id": tenant_id} | empty | more


class Pool:
    async def fetch(self, _sql: str, tenant_id: str | None) -> list[dict[str, Any]]:
        rows = [_row("newer", terms={"policy": "not_known_here"}), _row("plain", terms={"usd_per_day": 4})]
        return [row for row in rows if tenant_id in (None, row["tenant_id"])]


async def test_what_one_tenant_has_that_cannot_be_read_is_closed_and_the_others_are_read() -> None:
    rows = await RegistryStore(Pool()).tenants()
    assert (rows["newer"].readable, rows["newer"].terms.usd_per_day, rows["newer"].version) == (False, 0, 3)
    assert (rows["plain"].readable, rows["plain"].terms.usd_per_day) == (True, 4)
