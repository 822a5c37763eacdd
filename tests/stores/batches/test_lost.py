"""Results that are not coming any more."""

from datetime import timedelta
from uuid import UUID

import pytest

from services.gateway.batches.lost import LostResults
from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from shared.events import ReplyCompleted, new_id, utc_now
from shared.inferences import InferenceStore
from shared.inferences.store import StoredResult
from tests.stores.batches.bench import Bench, lines
from tests.unit.shared.events.samples import settled

pytestmark = pytest.mark.real_postgres


async def test_a_result_is_lost_when_its_inference_has_ended_and_all_that_came_is_stored(bench: Bench) -> None:
    batch_id, caught_up = await bench.batch(lines(2)), True

    async def all_stored() -> bool:
        return caught_up

    lost = LostResults(bench.gateway, InferenceStore(bench.pool), all_stored)
    old, now = utc_now() - timedelta(minutes=5), utc_now()
    first, second = (UUID(int=(new_id().int & (1 << 80) - 1) | int(old.timestamp() * 1000) << 80) for _ in "12")
    for number, inference_id in enumerate((first, second), 1):
        await bench.pool.execute(
            "INSERT INTO gateway.batch_lines (batch_id, tenant_id, line, inference_id, custom_id, at, size)"
            " VALUES ($1, $2, $3, $4, 'c', 0, 1)", batch_id, bench.tenant_id, number, inference_id
        )  # fmt: skip
    assert await lost.of(bench.tenant_id, batch_id) == []  # nobody knows that they have ended

    words = [
        settled(inference_id=one, tenant_id=bench.tenant_id, event_id=new_id(), accepted_at=old, settled_at=at)
        for one, at in ((first, old), (second, now))
    ]
    await BookStore(bench.pool).book(fold(words), now)
    assert [one.line for one in await lost.of(bench.tenant_id, batch_id)] == [1]
    caught_up = False
    assert await lost.of(bench.tenant_id, batch_id) == []
    caught_up = True
    await InferenceStore(bench.pool).add_results(
        [StoredResult(first, bench.tenant_id, ReplyCompleted.ce_type, b"{}")], now, now
    )
    assert await lost.of(bench.tenant_id, batch_id) == []
