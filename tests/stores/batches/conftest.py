from collections.abc import AsyncIterator

import pytest_asyncio

from shared.db.pool import Pool
from tests.stores.batches.bench import Bench


@pytest_asyncio.fixture
async def bench(pool: Pool) -> AsyncIterator[Bench]:
    await pool.execute("DELETE FROM gateway.batches")
    found = Bench(pool)
    await pool.execute("INSERT INTO gateway.tenants (tenant_id, created_at) VALUES ($1, now())", found.tenant_id)
    yield found
