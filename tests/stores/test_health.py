"""The history of health and the probes, as PostgreSQL keeps them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.gateway.models.store import ModelStore
from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from services.monitor.cursors import Place
from services.monitor.health.store import Asked, Ended, HealthStore, History, ProbeStore, Result, Wanted
from services.monitor.retention.store import RetentionStore
from services.monitor.rollups.health import THRESHOLDS, WINDOW, ProbeCall
from services.monitor.rollups.store import RollupStore
from shared.db.pool import Pool
from shared.db.reads import Reads, ReadSettings
from shared.errors import failure
from shared.events import HealthStatus, ModelHealthChanged, new_id, utc_now
from shared.registry.health import HealthRule, Probing
from shared.registry.store import RegistryStore
from tests.stores.test_quotas import MODEL, change, new_tenant
from tests.unit.shared.events.samples import ended, settled, started

pytestmark = pytest.mark.real_postgres

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def word(tenant: str, model: str, status: HealthStatus, at: datetime, **more: Any) -> ModelHealthChanged:
    return ModelHealthChanged(tenant_id=tenant, model=model, status=status, changed_at=at, **more)


async def keep(pool: Pool, *words: ModelHealthChanged) -> None:
    async with RollupStore(pool).turn() as turn:
        assert turn is not None
        await turn.health.keep(words)


async def history(pool: Pool, tenant: str, **asked: Any) -> History:
    span = {"model": None, "since": ago(60), "until": NOW, "after": None, "most": 50}
    return await HealthStore(Reads(pool, ReadSettings())).history(Asked(tenant, **span | asked))


def told(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["model"], row["status"]) for row in rows]


async def test_the_history_tells_changes_and_what_stood_when_the_range_began(pool: Pool) -> None:
    tenant, other = f"t-{new_id()}", f"t-{new_id()}"
    overloaded = {"error_type": "overloaded", "calls": 6}
    judged: dict[str, Any] = {"calls": 9, "failed": 6, "errors": [overloaded], "thresholds": THRESHOLDS}
    newest = word(tenant, "custom:a", "unhealthy", ago(60), reason="why", cause="probe", **judged)
    await keep(
        pool,
        word(tenant, "custom:a", "degraded", ago(90)),
        word(tenant, "custom:b", "unhealthy", ago(80)),
        newest,
        word(tenant, "custom:a", "unhealthy", ago(50)),  # no change
        word(tenant, "custom:b", "healthy", ago(30)),
        word(tenant, "custom:a", "healthy", NOW),  # not within the range
        word(other, "custom:a", "unhealthy", ago(20)),
    )
    found = await history(pool, tenant)
    assert told(found.changes) == [("custom:b", "healthy"), ("custom:a", "unhealthy")]
    assert [row["was"] for row in found.changes] == ["unhealthy", "degraded"]
    assert found.changes[1] == {
        "event_id": newest.event_id, "model": "custom:a", "changed_at": ago(60),
        "status": "unhealthy", "was": "degraded", "reason": "why",
        "cause": "probe", "calls": 9, "failed": 6, "errors": {"overloaded": 6}, "degraded_at": 0.1,
        "unhealthy_at": 0.5, "min_calls": 5,
    }  # fmt: skip
    assert sorted(told(found.before)) == [("custom:a", "degraded"), ("custom:b", "unhealthy")]
    assert sorted(told(found.now)) == [("custom:a", "healthy"), ("custom:b", "healthy")]

    of_one = await history(pool, tenant, model="custom:a")
    assert (told(of_one.changes), told(of_one.now)) == ([("custom:a", "unhealthy")], [("custom:a", "healthy")])
    assert await history(pool, tenant, model="custom:none") == History([], [], [], [])


async def test_pages_follow_each_other_also_where_changes_are_of_one_time(pool: Pool) -> None:
    tenant = f"t-{new_id()}"
    await keep(pool, *(word(tenant, f"custom:{n}", "unhealthy", ago(n // 3)) for n in range(7)))
    read: list[str] = []
    after: Place | None = None
    while page := (await history(pool, tenant, most=2, after=after, until=NOW + timedelta(seconds=1))).changes:
        read += [row["model"] for row in page]
        after = Place(page[-1]["changed_at"], page[-1]["event_id"])
    assert [{*read[:3]}, {*read[3:6]}, {*read[6:]}] == [
        {f"custom:{n}" for n in numbers} for numbers in ((0, 1, 2), (3, 4, 5), (6,))
    ]


async def test_what_the_history_calls_unwell_is_recalled(pool: Pool) -> None:
    tenant = f"t-{new_id()}"
    await keep(
        pool,
        word(tenant, "custom:a", "unhealthy", ago(20), reason="why"),
        word(tenant, "custom:b", "unhealthy", ago(20)),
        word(tenant, "custom:b", "healthy", ago(10)),
    )
    async with RollupStore(pool).turn() as turn:
        assert turn is not None
        (recalled,) = [one for one in await turn.health.unwell() if one.tenant_id == tenant]
    assert (recalled.model, recalled.status, recalled.reason) == ("custom:a", "unhealthy", "why")


async def test_old_changes_are_deleted_and_what_stands_stays(pool: Pool) -> None:
    tenant = f"t-{new_id()}"
    statuses: tuple[HealthStatus, ...] = ("unhealthy", "healthy")
    await keep(
        pool,
        *(word(tenant, "custom:many", statuses[n % 2], ago(10) + timedelta(seconds=n)) for n in range(9)),
        word(tenant, "custom:over", "unhealthy", ago(90)),
        word(tenant, "custom:over", "healthy", ago(80)),
        word(tenant, "custom:stands", "degraded", ago(90)),
        word(tenant, "custom:stands", "unhealthy", ago(80)),
    )
    await RetentionStore(pool).delete_older_health(ago(60), 4)
    rows = await pool.fetch(
        "SELECT model, status FROM monitor.model_health WHERE tenant_id = $1 ORDER BY model, changed_at", tenant
    )
    kept = [("custom:many", status) for status in ("healthy", "unhealthy", "healthy", "unhealthy")]
    assert [tuple(row) for row in rows] == [*kept, ("custom:stands", "unhealthy")]


def wanted(tenant: str, model: str = "custom:m", **more: Any) -> Wanted:
    fields: dict[str, Any] = {"inference_id": new_id(), "every_s": 60, "lasts_s": 90.0, "changed_at": NOW} | more
    return Wanted(tenant, model, **fields)


async def pass_time(pool: Pool, tenant: str, seconds: int) -> None:
    await pool.execute(
        "UPDATE monitor.probes SET asked_at = asked_at - $2 * interval '1 second', "
        "gives_up_at = gives_up_at - $2 * interval '1 second' WHERE tenant_id = $1",
        tenant, seconds,
    )  # fmt: skip


async def book(pool: Pool, tenant: str, asked: Wanted, error_type: Any = None, *, called: bool = True) -> None:
    ids = {"inference_id": asked.inference_id, "tenant_id": tenant}
    call = ids | {"attempt_id": new_id(), "model": asked.model, "started_at": NOW}
    outcome = {"outcome": "failed", "error": failure(error_type, "why")} if error_type else {"outcome": "succeeded"}
    calls = (
        [started(**call), ended(**call, **outcome, event_id=new_id(), ended_at=NOW, duration_s=1.0)] if called else []
    )
    word = settled(**ids, event_id=new_id(), settled_at=NOW)
    await BookStore(pool).book(fold([*calls, word]), NOW)


async def test_of_several_monitors_one_asks(pool: Pool) -> None:
    tenant = f"t-{new_id()}"
    asked = [[wanted(tenant, f"custom:{n}") for n in range(20)] for _ in range(4)]
    due = await asyncio.gather(*(ProbeStore(pool).ask(each, 100) for each in asked))
    assert sum(map(len, due)) == 20


async def test_a_probe_is_asked_when_it_is_due(pool: Pool) -> None:
    tenant, store = f"t-{new_id()}", ProbeStore(pool)
    first = wanted(tenant)
    assert await store.ask([first], 5) == {first.inference_id}
    await pass_time(pool, tenant, 89)
    assert await store.ask([wanted(tenant)], 5) == set(), "the first has not ended"

    await book(pool, tenant, first)
    assert [one for one in await store.settled() if one.inference_id == first.inference_id] == [
        Ended(first.inference_id, (), (ProbeCall(NOW, None),))
    ]
    await store.close([Result(first.inference_id, NOW, None, (ProbeCall(NOW, None),))])
    await pass_time(pool, tenant, -30)
    assert await store.ask([wanted(tenant)], 5) == set(), "59 s ago"
    await pass_time(pool, tenant, 1)
    second = wanted(tenant)
    assert await store.ask([second], 5) == {second.inference_id}

    await pass_time(pool, tenant, 91)
    third = wanted(tenant)
    assert await store.ask([third], 5) == {third.inference_id}, "nobody knows how the second ended"


async def test_a_model_that_was_changed_is_probed_at_once_and_what_was_known_is_forgotten(pool: Pool) -> None:
    tenant, store = f"t-{new_id()}", ProbeStore(pool)
    first = wanted(tenant, every_s=86_400)
    await store.ask([first], 5)
    await store.close([Result(first.inference_id, NOW, "tls_failed", (ProbeCall(NOW, "tls_failed"),))])
    (known,) = [one for one in await store.results(WINDOW) if one.tenant_id == tenant]
    assert (known.error_type, known.ended_at, known.changed_at, known.calls) == (
        "tls_failed", NOW, NOW, (ProbeCall(NOW, "tls_failed"),),
    )  # fmt: skip
    assert known.counts_until == NOW + timedelta(seconds=86_400 + 90) + WINDOW

    changed = wanted(tenant, every_s=86_400, changed_at=NOW + timedelta(hours=1))
    assert await store.ask([changed], 5) == {changed.inference_id}
    assert not [one for one in await store.results(WINDOW) if one.tenant_id == tenant]


async def test_a_probe_that_says_nothing_leaves_what_the_one_before_said(pool: Pool) -> None:
    tenant, store = f"t-{new_id()}", ProbeStore(pool)
    first, second = wanted(tenant), wanted(tenant)
    await store.ask([first], 5)
    await store.close([Result(first.inference_id, NOW, "tls_failed", (ProbeCall(NOW, "tls_failed"),))])
    await pass_time(pool, tenant, 60)
    await store.ask([second], 5)
    await book(pool, tenant, second, called=False)
    assert Ended(second.inference_id, (ProbeCall(NOW, "tls_failed"),), ()) in await store.settled()
    await store.close([Result(second.inference_id, None, None, ())])
    assert [one.error_type for one in await store.results(WINDOW) if one.tenant_id == tenant] == ["tls_failed"]
    assert second.inference_id not in {one.inference_id for one in await store.settled()}


async def test_those_that_wait_longest_are_asked_first(pool: Pool) -> None:
    tenant, store = f"t-{new_id()}", ProbeStore(pool)
    old = wanted(tenant, "custom:old")
    await store.ask([old], 5)
    await store.close([Result(old.inference_id, None, None, ())])
    await pass_time(pool, tenant, 600)
    again, new = wanted(tenant, "custom:old"), wanted(tenant, "custom:new")
    assert await store.ask([again, new], 1) == {new.inference_id}
    assert await store.ask([again, wanted(tenant, "custom:new")], 1) == {again.inference_id}


async def test_the_monitor_knows_what_owners_say_of_their_models(pool: Pool) -> None:
    tenant, models = await new_tenant(pool), ModelStore(pool, Reads(pool, ReadSettings()), 5)
    said = MODEL._replace(model_id="said", health={"min_calls": 9}, probe={"every_s": 60}, timeout_s=7.0)
    now = utc_now()
    for model in (MODEL, said, MODEL._replace(model_id="odd", health={"of_tomorrow": 1})):
        await models.add_model(model, change(tenant), now)
    await models.add_draft(tenant, said._replace(model_id="draft"), now, now + timedelta(hours=1))
    (watched,) = [one for one in await RegistryStore(pool).watched() if one.model.tenant_id == tenant]
    assert (watched.model.id, watched.model.timeout_s, watched.updated_at) == ("custom:said", 7.0, now)
    assert (watched.health, watched.probe) == (HealthRule(min_calls=9), Probing(every_s=60))
