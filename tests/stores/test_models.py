"""What the gateway stores of a model is what every router reads of it."""

import pytest

from services.gateway.models.store import ModelStore, StoredModel
from shared.db.pool import Pool
from shared.db.reads import Reads, ReadSettings
from shared.events import utc_now
from shared.registry import Model
from shared.registry.store import RegistryStore
from tests.stores.test_quotas import MODEL, change, new_tenant

pytestmark = pytest.mark.real_postgres

_FULL = StoredModel(
    model_id="m", model_name="M", description="ours", wire_format="anthropic", endpoint_url="https://other.example/v1",
    sealed_api_key="key", sealed_headers="headers", config={"model": "x"}, capabilities={"tools": True},
    context_window=1, max_concurrency=2, price={"input_per_mtok_usd": 3.0, "output_per_mtok_usd": 4.0}, timeout_s=5.0,
    first_chunk_timeout_s=6.0, idle_timeout_s=7.0, weight=8, health={"min_calls": 9}, probe={"every_s": 60},
    is_active=False,
)  # fmt: skip


async def _as_read(pool: Pool, tenant_id: str) -> Model:
    (model,) = (await RegistryStore(pool).tenant(tenant_id)).custom
    return model


async def test_each_field_is_stored_changed_and_read_as_itself(pool: Pool) -> None:
    tenant_id, store = await new_tenant(pool), ModelStore(pool, Reads(pool, ReadSettings()), 1)
    await store.add_model(MODEL, change(tenant_id), utc_now())
    plain = await _as_read(pool, tenant_id)
    assert (plain.timeout_s, plain.first_chunk_timeout_s, plain.idle_timeout_s) == (60.0, 60.0, 30.0)

    row = await store.model(tenant_id, "m")
    assert row is not None
    assert await store.change_model(row, _FULL, change(tenant_id), utc_now())
    changed = await store.model(tenant_id, "m")
    assert changed is not None
    assert tuple(changed[name] for name in StoredModel._fields) == _FULL

    model = await _as_read(pool, tenant_id)
    assert (model.timeout_s, model.first_chunk_timeout_s, model.idle_timeout_s) == (5.0, 6.0, 7.0)
    assert (model.weight, model.max_concurrency, model.is_active) == (8, 2, False)
