"""A job that may have been published is told by its id, and does not run for a caller who was told to come again."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from shared.events import FeatureCancelRequested, FeatureRequested
from tests.support.gateway_app import Here, Told, gateway_here, told

JOBS = "/api/repos/quality/generate-feature"
WISH = {"files": [{"path": "a.py", "content": ""}], "featureRequest": "more"}


async def ask(here: Here, key: str | None = None, **more: Any) -> Told:
    headers = [] if key is None else [(b"idempotency-key", key.encode())]
    return await told(here, "POST", JOBS, json.dumps(WISH | more).encode(), headers)


async def cancelled(here: Here) -> FeatureCancelRequested:
    async with asyncio.timeout(30):
        while True:
            for event in here.broker.events:
                if isinstance(event, FeatureCancelRequested):
                    return event
            await asyncio.sleep(0.01)


async def test_a_job_whose_ack_is_unknown_is_named_and_cancelled_until_that_is_acked() -> None:
    here = gateway_here()
    here.broker.away = True
    answer = await ask(here)
    assert (answer.status, answer.error_type) == (503, "unavailable")
    here.broker.away = False
    assert str((await cancelled(here)).feature_id) == answer.body["feature_id"]


async def test_with_a_key_it_is_named_and_left_for_who_asks_again() -> None:
    here = gateway_here()
    here.broker.away = True
    answer = await ask(here, key="k")
    assert answer.status == 503
    assert answer.body["feature_id"]
    here.broker.away = False
    await asyncio.sleep(0.6)
    assert here.broker.events == []


async def test_what_was_published_is_accepted_though_the_database_is_away_since() -> None:
    here = gateway_here()

    async def publish(*outgoing: Any) -> None:
        here.broker.events += [one.event for one in outgoing]
        here.pool.failing = asyncpg.CannotConnectNowError("x")

    here.broker.publish = publish  # type: ignore[method-assign]
    answer = await ask(here)
    [event] = here.broker.events
    assert isinstance(event, FeatureRequested)
    assert (answer.status, answer.body["feature_id"]) == (202, str(event.feature_id))

    here.pool.failing = None
    waited = await ask(here, wait=True)
    assert (waited.status, waited.error_type) == (503, "unavailable")
    assert waited.body["feature_id"] == str(here.broker.events[-1].subject)


@pytest.mark.parametrize("has", [2, 3])
async def test_a_tenant_has_only_so_many_open_jobs(has: int) -> None:
    here = gateway_here(max_open_jobs_per_tenant=3)
    here.pool.answers = {"settled_at IS NULL": has} | here.pool.answers
    answers = await asyncio.gather(*(ask(here) for _ in range(5)))
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [202] * (3 - has) + [429] * (2 + has)
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.headers["retry-after"]
    assert any("TALLYGATE_MAX_OPEN_JOBS_PER_TENANT" in tip for tip in refused.body["tips"])
