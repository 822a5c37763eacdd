"""The first admin key is let in as soon as the database can write, and a gateway starts before that."""

import asyncio
from typing import Any, cast

import asyncpg

from services.gateway.app import _admit_bootstrap_key
from services.gateway.tenants.store import NewKey, TenantStore
from shared.access.keys import parse_key
from shared.service.running import Service
from tests.support.gateway_app import KEY
from tests.support.virtual_time import virtually


class _Store:
    def __init__(self) -> None:
        self.read_only = True
        self.keys: list[str] = []

    async def add_key(self, key: NewKey, _change: None, _now: object) -> bool:
        if self.read_only:
            raise asyncpg.ReadOnlySQLTransactionError("read-only")
        self.keys.append(key.key_id)
        return True


class _Service:
    def __init__(self) -> None:
        self.started: list[Any] = []

    async def start(self, part: Any) -> None:
        self.started.append(part)
        await part.start()


@virtually
async def test_a_database_that_takes_no_writes_does_not_end_the_start() -> None:
    store, service = _Store(), _Service()
    await _admit_bootstrap_key(cast(Service, service), cast(TenantStore, store), parse_key(KEY), "default")
    assert store.keys == []
    store.read_only = False
    for part in service.started:
        part.wake()
    await asyncio.sleep(1.1)
    assert store.keys == ["01234567"]
    for part in service.started:
        await part.stop()
