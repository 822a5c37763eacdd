"""The first admin key: the operator makes it, so that there is a key to make keys with."""

from datetime import UTC, datetime

from services.gateway.tenants.store import NewKey, TenantStore
from shared.access import SCOPES, ApiKey, hash_key


async def admit_bootstrap_key(store: TenantStore, key: ApiKey | None, tenant_id: str) -> None:
    if key is not None:
        made = NewKey(key.key_id, tenant_id, hash_key(key.text), SCOPES, "bootstrap admin")
        await store.add_key(made, None, datetime.now(UTC))
