"""Caps of sessions, as the gateway stores them, and what the monitor counts for them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from services.gateway.session_caps.schemas import SessionCap
from services.gateway.session_caps.store import SessionCapStore
from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from services.monitor.retention.store import RetentionStore
from services.monitor.rollups.store import RollupStore
from shared.db.pool import Pool
from shared.db.reads import Reads, ReadSettings
from shared.errors import TallygateError
from shared.events import CAP_LIFE, InferenceEvent, SessionCapped, new_id, utc_now
from tests.stores.test_quotas import change, new_tenant, refused
from tests.unit.shared.events.samples import ended, settled

pytestmark = pytest.mark.real_postgres


class Caps:
    """told: what all who refuse requests have heard. away: nothing is acked."""

    def __init__(self, pool: Pool, most: int = 10) -> None:
        self.told: list[SessionCapped] = []
        self.away = False
        self.store = SessionCapStore(pool, Reads(pool, ReadSettings()), most, self._tell)

    async def _tell(self, cap: SessionCapped) -> None:
        if self.away:
            raise TallygateError("unavailable", "no ack")
        self.told.append(cap)

    async def put(self, tenant: str, session: str = "run", *, at: datetime | None = None, **amounts: Any) -> bool:
        body = SessionCap(session=session, **(amounts or {"calls": 1}))
        return await self.store.put(body, change(tenant), at or utc_now())


async def test_a_cap_that_is_changed_goes_on_counting_and_one_that_is_set_anew_begins_again(pool: Pool) -> None:
    caps, tenant = Caps(pool), await new_tenant(pool)
    assert await caps.put(tenant, usd=1.0, calls=5)
    assert not await caps.put(tenant, tokens=7)
    first, second = caps.told
    assert first.since == second.since
    assert await caps.store.cap(tenant, "run", utc_now()) == second.model_copy(update={"event_id": ANY})
    assert (second.usd, second.calls, second.tokens) == (None, None, 7)

    assert await caps.store.remove("run", change(tenant), utc_now())
    assert not await caps.store.remove("run", change(tenant), utc_now())
    assert not caps.told[-1].is_capped
    assert await caps.put(tenant)
    assert caps.told[-1].since > first.since


async def test_a_cap_is_its_tenants_and_ends_after_its_time(pool: Pool) -> None:
    caps, tenant, other, now = Caps(pool), await new_tenant(pool), await new_tenant(pool), utc_now()
    await caps.put(tenant, "old", at=now - CAP_LIFE)
    await caps.put(tenant, "new", at=now)
    assert [cap.session for cap in await caps.store.caps(tenant, now)] == ["new"]
    assert await caps.store.caps(other, now) == []
    assert await caps.store.cap(other, "new", now) is None
    assert not await caps.store.remove("new", change(other), now)
    assert not await caps.store.remove("old", change(tenant), now)

    await caps.put(tenant, "old", at=now - CAP_LIFE)
    assert await caps.put(tenant, "old", at=now), "one that is over is set anew"
    await caps.put(tenant, "older", at=now - CAP_LIFE)
    while await caps.store.forget(now, 1):
        pass
    left = await pool.fetch("SELECT session FROM gateway.session_caps WHERE tenant_id = $1", tenant)
    assert {row["session"] for row in left} == {"new", "old"}


async def test_of_many_who_cap_sessions_at_once_only_so_many_succeed(pool: Pool) -> None:
    caps, tenant = Caps(pool, most=2), await new_tenant(pool)
    await caps.put(tenant, "gone", at=utc_now() - CAP_LIFE)
    putting = (caps.put(tenant, f"run-{number}") for number in range(5))
    answers = list(await asyncio.gather(*putting, return_exceptions=True))
    assert (answers.count(True), len(refused(answers))) == (2, 3)
    assert "TALLYGATE_MAX_SESSION_CAPS_PER_TENANT" in str(refused(answers)[0].failure.tips)
    assert not await caps.put(tenant, caps.told[-1].session), "what is there can be changed"


async def test_what_could_not_be_told_is_not_stored(pool: Pool) -> None:
    caps, tenant = Caps(pool), await new_tenant(pool)
    await caps.put(tenant, "there")
    caps.away = True
    for changing in (caps.put(tenant), caps.put(tenant, "there", calls=9), caps.store.remove("there", change(tenant),
                                                                                         utc_now())):  # fmt: skip
        with pytest.raises(TallygateError, match="unavailable"):
            await changing
    assert [(cap.session, cap.calls) for cap in await caps.store.caps(tenant, utc_now())] == [("there", 1)]


def asked(tenant: str, session: str | None, at: datetime, *, calls: int = 1) -> list[InferenceEvent]:
    """An inference of so many calls, that was accepted and settled then."""
    ids = {"inference_id": new_id(), "tenant_id": tenant}
    used = {"cost_usd": 0.25, "input_tokens": 3, "output_tokens": 4}
    made: list[InferenceEvent] = [
        ended(**ids, attempt_id=new_id(), event_id=new_id(), ended_at=at, **used) for _ in range(calls)
    ]
    return [*made, settled(**ids, event_id=new_id(), session=session, accepted_at=at, settled_at=at)]


async def used(pool: Pool, tenant: str) -> dict[str, tuple[float, int, int]]:
    """What the next turn says of the sessions of a tenant."""
    async with RollupStore(pool).turn() as turn:
        assert turn is not None
        _, touched = await turn.take_touched(5000)
        rows = await turn.spending.used_by_sessions(touched, utc_now())
    return {row["session"]: (row["usd"], row["calls"], row["tokens"]) for row in rows if row["tenant_id"] == tenant}


async def test_what_a_session_uses_is_counted_once_from_its_cap_on(pool: Pool) -> None:
    caps, books, tenant, other = Caps(pool), BookStore(pool), await new_tenant(pool), await new_tenant(pool)
    since = utc_now() - timedelta(minutes=10)
    await caps.put(tenant, "run", at=since)
    await caps.put(other, "quiet", at=since)
    counted = asked(tenant, "run", since + timedelta(minutes=1), calls=2)
    events = [
        *asked(tenant, "run", since - timedelta(seconds=1)), *counted, *asked(tenant, "free", since),
        *asked(tenant, None, since), *asked(other, "run", since + timedelta(minutes=1)),
    ]  # fmt: skip
    await books.book(fold(events), utc_now())
    assert await used(pool, tenant) == {"run": (0.5, 2, 14)}
    assert await used(pool, tenant) == {}, "nothing was touched"

    await books.book(fold(counted), utc_now())
    assert (await used(pool, tenant)).get("run", (0.5, 2, 14)) == (0.5, 2, 14), "what is told twice counts once"
    later = asked(tenant, "run", since + timedelta(minutes=9), calls=1)
    await books.book(fold(later), utc_now())
    assert await used(pool, tenant) == {"run": (0.75, 3, 21)}
    assert await used(pool, other) == {}


async def test_a_cap_that_is_set_anew_counts_from_then_on(pool: Pool) -> None:
    caps, books, tenant, now = Caps(pool), BookStore(pool), await new_tenant(pool), utc_now()
    await caps.put(tenant, "run", at=now - timedelta(minutes=3))
    await books.book(fold(asked(tenant, "run", now - timedelta(minutes=2))), now)
    assert (await used(pool, tenant))["run"] == (0.25, 1, 7)
    await caps.store.remove("run", change(tenant), now)
    await caps.put(tenant, "run", at=now - timedelta(seconds=60))
    await books.book(fold(asked(tenant, "run", now - timedelta(seconds=30))), now)
    assert (await used(pool, tenant))["run"] == (0.25, 1, 7)


async def test_what_was_counted_for_a_cap_that_is_over_is_deleted(pool: Pool) -> None:
    tenant, long_ago = await new_tenant(pool), datetime(2000, 1, 1, tzinfo=UTC)
    for at in (utc_now(), utc_now() - CAP_LIFE - timedelta(days=2)):
        await pool.execute("INSERT INTO monitor.capped_minutes VALUES ($1, 'run', $2, $2, 0.25, 1, 7)", tenant, at)
    await RetentionStore(pool).delete_older_sums(long_ago, long_ago)
    left = await pool.fetch("SELECT at FROM monitor.capped_minutes WHERE tenant_id = $1", tenant)
    assert [row["at"] > utc_now() - CAP_LIFE for row in left] == [True]
