from datetime import UTC, datetime
from typing import Any, cast

import pytest

from services.gateway.routes.keys import stored_key
from services.gateway.tenants.schemas import KeyCreate
from services.gateway.tenants.store import NewKey, TenantStore
from shared.access import Caller
from shared.access.keys import parse_key
from shared.errors import TallygateError

ADMIN = Caller("acme", "k", frozenset({"admin"}))


class Store:
    """Of the ids that it is asked for, the first are taken."""

    def __init__(self, taken: int) -> None:
        self.taken = taken
        self.asked: list[str] = []

    async def add_key(self, key: NewKey, *_: Any) -> bool:
        self.asked.append(key.key_id)
        return len(self.asked) > self.taken


async def made(store: Store) -> str:
    key = await stored_key(cast(TenantStore, store), ADMIN, KeyCreate(tenant="acme"), datetime.now(UTC))
    assert parse_key(key.text) == key
    return key.key_id


async def test_a_key_whose_id_is_taken_is_made_with_another_one() -> None:
    store = Store(taken=2)
    assert await made(store) == store.asked[2]
    assert len(set(store.asked)) == 3


async def test_it_is_not_tried_for_ever() -> None:
    store = Store(taken=10**6)
    with pytest.raises(TallygateError):
        await made(store)
    assert len(store.asked) == 5
