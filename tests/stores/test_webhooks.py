"""Webhooks and their deliveries in PostgreSQL: each event once, bounded, by one worker at a time."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from services.gateway.tenants.changes import Change
from services.gateway.webhooks.schemas import WebhookChange
from services.gateway.webhooks.store import NewWebhook, WebhookStore
from shared.db.database import Database
from shared.db.pool import Pool
from shared.db.reads import Reads, ReadSettings
from shared.errors import TallygateError
from shared.events import new_id, utc_now
from shared.webhooks import TEST
from shared.webhooks.store import Added, DeliveryStore, HookState, NewDelivery, TakenHook, Try

pytestmark = pytest.mark.real_postgres

LEASE_S = 60.0
DELIVERED = HookState(0, None, None, True, None)


def failed(delivery_id: UUID, due_at: datetime, taken: bool | None = None) -> Try:
    tried = {"at": due_at.isoformat(), "status": 500, "error": "answered 500", "took_s": 0.1}
    return Try(delivery_id, tried, due_at, taken)


def taken(delivery_id: UUID) -> Try:
    tried = {"at": "2026-11-30T12:00:00+00:00", "status": 200, "error": None, "took_s": 0.1}
    return Try(delivery_id, tried, utc_now(), True)


def resting(failures: int = 1, because: str | None = None) -> HookState:
    return HookState(failures, utc_now(), utc_now() + timedelta(hours=1), False, because)


class Bench:
    """A tenant with its webhooks. Whatever other tests have left is never ready: their tenants are others."""

    def __init__(self, pool: Pool, most: int = 20) -> None:
        self.tenant_id = f"t-{new_id()}"
        self.pool = pool
        self.gateway = WebhookStore(pool, Reads(pool, ReadSettings()), most)
        self.jobs = DeliveryStore(Database(pool), most_of_a_tenant=2)

    async def hook(self, *events: str) -> UUID:
        webhook_id = new_id()
        new = NewWebhook(webhook_id, "http://a.test/", events or ("inference.settled",), "", "sealed")
        await self.gateway.add(new, self.change("webhook.added"), utc_now())
        return webhook_id

    def change(self, action: str) -> Change:
        return Change(self.tenant_id, "0a", action, "x", {})

    async def delivery(self, webhook_id: UUID) -> UUID:
        delivery_id = new_id()
        assert await self.jobs.add([NewDelivery(delivery_id, webhook_id, "inference.settled", "{}")]) == Added(1, 0)
        return delivery_id

    async def take(self, worker_id: str = "w1") -> TakenHook | None:
        return await self.jobs.take(worker_id, LEASE_S)

    async def state(self, webhook_id: UUID, delivery_id: UUID) -> tuple[bool | None, int]:
        row = await self.gateway.delivery(self.tenant_id, webhook_id, delivery_id)
        assert row is not None
        return row["taken"], len(row["tries"])


@pytest_asyncio.fixture
async def bench(pool: Pool) -> Bench:
    await pool.execute("DELETE FROM gateway.webhooks")
    found = Bench(pool)
    await pool.execute("INSERT INTO gateway.tenants (tenant_id, created_at) VALUES ($1, now())", found.tenant_id)
    return found


async def test_an_event_that_comes_twice_is_one_delivery(bench: Bench) -> None:
    hook = await bench.hook()
    new = NewDelivery(new_id(), hook, "inference.settled", "{}")

    assert await bench.jobs.add([new]) == Added(1, 0)
    assert await bench.jobs.add([new, NewDelivery(new_id(), hook, "inference.settled", "{}")]) == Added(1, 0)
    await bench.jobs.record("w1", hook, DELIVERED, [taken(new.delivery_id)])
    assert await bench.jobs.add([new]) == Added(0, 0)


async def test_what_finds_too_many_waiting_is_counted_at_its_webhook(bench: Bench) -> None:
    full, other = await bench.hook(), await bench.hook()
    new = [NewDelivery(new_id(), hook, "inference.settled", "{}") for hook in (full, full, full, other)]

    assert await bench.jobs.add(new, most_waiting=2) == Added(3, 1)
    assert await bench.jobs.add(new[:2], most_waiting=2) == Added(0, 0)  # they are there

    row = await bench.gateway.webhook(bench.tenant_id, full)
    assert row is not None
    assert (row["waiting"], row["dropped"]) == (2, 1)
    assert [due.delivery_id for due in await bench.jobs.due(full, 10)] == [one.delivery_id for one in new[:2]]


async def test_nothing_is_kept_for_a_webhook_that_is_gone(bench: Bench) -> None:
    hook = await bench.hook()
    assert await bench.gateway.remove(hook, bench.change("webhook.removed"))
    assert await bench.jobs.add([NewDelivery(new_id(), hook, "inference.settled", "{}")]) == Added(0, 0)


async def test_one_worker_at_a_time_has_a_webhook_and_only_while_something_is_due(bench: Bench) -> None:
    hook = await bench.hook()
    assert await bench.take() is None
    delivery_id = await bench.delivery(hook)

    job = await bench.take("w1")
    assert job is not None
    assert job.job_id == hook
    assert await bench.take("w2") is None
    await bench.jobs.record("w1", hook, DELIVERED, [taken(delivery_id)])
    await bench.jobs.give_back("w1", hook)
    assert await bench.take("w2") is None
    assert await bench.state(hook, delivery_id) == (True, 1)


async def test_a_worker_that_has_lost_a_webhook_records_nothing(bench: Bench) -> None:
    hook = await bench.hook()
    delivery_id = await bench.delivery(hook)
    assert await bench.jobs.take("w1", -1.0) is not None  # and its lease has ended
    assert await bench.take("w2") is not None

    await bench.jobs.record("w1", hook, DELIVERED, [taken(delivery_id)])

    assert await bench.state(hook, delivery_id) == (None, 0)


async def test_a_tenant_has_no_more_webhooks_in_work_than_its_share(bench: Bench, pool: Pool) -> None:
    for _ in range(3):
        await bench.delivery(await bench.hook())
    other = Bench(pool)
    await pool.execute("INSERT INTO gateway.tenants (tenant_id, created_at) VALUES ($1, now())", other.tenant_id)
    await other.delivery(await other.hook())

    jobs = [await bench.take(f"w{number}") for number in range(4)]

    assert [job and job.tenant_id for job in jobs].count(bench.tenant_id) == 2
    assert [job and job.tenant_id for job in jobs].count(other.tenant_id) == 1
    assert jobs[3] is None


async def test_webhooks_take_turns(bench: Bench) -> None:
    first, second = await bench.hook(), await bench.hook()
    deliveries = {hook: [await bench.delivery(hook) for _ in range(2)] for hook in (first, second)}

    for hook in (first, second):
        job = await bench.take()
        assert job is not None
        assert job.job_id == hook
        await bench.jobs.record("w1", hook, DELIVERED, [taken(deliveries[hook][0])])
        await bench.jobs.give_back("w1", hook)


async def test_a_webhook_that_failed_rests_unless_somebody_asks(bench: Bench) -> None:
    hook = await bench.hook()
    failing, _ = await bench.delivery(hook), await bench.delivery(hook)
    assert await bench.take() is not None
    later = utc_now() + timedelta(seconds=5)
    await bench.jobs.record("w1", hook, resting(), [failed(failing, later)])
    await bench.jobs.give_back("w1", hook)
    assert await bench.take() is None

    asked = new_id()
    assert await bench.gateway.test(bench.tenant_id, hook, asked, TEST, "{}")

    job = await bench.take()
    assert job is not None
    assert job.failures == 1
    assert [due.delivery_id for due in await bench.jobs.due(hook, 1)] == [asked]


async def test_a_disabled_webhook_is_not_called_and_goes_on_with_what_waited(bench: Bench) -> None:
    hook = await bench.hook()
    failing, waiting = await bench.delivery(hook), await bench.delivery(hook)
    assert await bench.take() is not None
    await bench.jobs.record("w1", hook, resting(9, "it is gone"), [failed(failing, utc_now(), taken=False)])
    await bench.jobs.give_back("w1", hook)

    assert await bench.take() is None
    assert await bench.jobs.subscribers([bench.tenant_id]) == []
    row = await bench.gateway.webhook(bench.tenant_id, hook)
    assert row is not None
    assert (row["disabled_because"], row["waiting"]) == ("it is gone", 1)

    await bench.gateway.change(hook, WebhookChange(enabled=True), bench.change("webhook.changed"))
    job = await bench.take()
    assert job is not None
    assert (job.failures, job.failing_since) == (0, None)
    assert [due.delivery_id for due in await bench.jobs.due(hook, 9)] == [waiting]
    assert await bench.state(hook, failing) == (False, 1)


async def test_what_is_asked_for_again_is_sent_again_with_its_whole_time(bench: Bench) -> None:
    hook = await bench.hook()
    delivery_id, younger = await bench.delivery(hook), await bench.delivery(hook)
    assert await bench.take() is not None
    await bench.jobs.record("w1", hook, DELIVERED, [failed(delivery_id, utc_now(), taken=False)])
    assert [due.delivery_id for due in await bench.jobs.due(hook, 9)] == [younger]

    assert await bench.gateway.redeliver(bench.tenant_id, hook, delivery_id)

    first, _ = await bench.jobs.due(hook, 9)
    assert (first.delivery_id, first.failures) == (delivery_id, 0)
    assert await bench.state(hook, delivery_id) == (None, 1)
    assert not await bench.gateway.redeliver("another", hook, younger)


async def test_both_secrets_are_had_while_both_sign(bench: Bench) -> None:
    hook = await bench.hook()
    await bench.delivery(hook)
    change = bench.change("webhook.rotated")
    assert await bench.gateway.rotate(hook, "new", utc_now() + timedelta(days=1), change)
    job = await bench.take()
    assert job is not None
    assert (job.sealed_secret, job.sealed_old_secret) == ("new", "sealed")
    await bench.jobs.give_back("w1", hook)

    assert await bench.gateway.rotate(hook, "newer", utc_now() - timedelta(seconds=1), change)
    job = await bench.take()
    assert job is not None
    assert (job.sealed_secret, job.sealed_old_secret) == ("newer", None)


async def test_deliveries_are_listed_page_by_page_and_by_state(bench: Bench) -> None:
    hook = await bench.hook()
    made = [await bench.delivery(hook) for _ in range(3)]
    assert await bench.take() is not None
    await bench.jobs.record("w1", hook, DELIVERED, [taken(made[0])])

    async def page(state: str | None, after: UUID | None, tenant_id: str = bench.tenant_id) -> list[UUID]:
        rows = await bench.gateway.deliveries(tenant_id, hook, state, after, 2)  # type: ignore[arg-type]
        return [row["delivery_id"] for row in rows]

    assert await page(None, None) == [made[2], made[1]]
    assert await page(None, made[1]) == [made[0]]
    assert await page("waiting", None) == [made[2], made[1]]
    assert await page("delivered", None) == [made[0]]
    assert await page(None, None, "another") == []


async def test_no_more_than_the_last_tries_are_kept(bench: Bench) -> None:
    hook = await bench.hook()
    delivery_id = await bench.delivery(hook)
    assert await bench.take() is not None
    for _ in range(52):
        await bench.jobs.record("w1", hook, DELIVERED, [failed(delivery_id, utc_now())])

    assert await bench.state(hook, delivery_id) == (None, 50)
    [due] = await bench.jobs.due(hook, 1)
    assert due.failures == 52


async def test_old_deliveries_go_and_waiting_ones_stay(bench: Bench) -> None:
    hook = await bench.hook()
    made = [await bench.delivery(hook) for _ in range(4)]
    assert await bench.take() is not None
    await bench.jobs.record("w1", hook, DELIVERED, [taken(one) for one in made[:3]])

    assert await bench.jobs.forget_older(timedelta(hours=1), 10) == 0
    assert await bench.jobs.forget_beyond(2, 10) == 1
    assert await bench.gateway.delivery(bench.tenant_id, hook, made[0]) is None
    assert await bench.jobs.forget_older(timedelta(0), 10) == 2
    assert await bench.state(hook, made[3]) == (None, 0)


async def test_a_tenant_has_no_more_webhooks_than_it_may(bench: Bench, pool: Pool) -> None:
    bench.gateway = WebhookStore(pool, Reads(pool, ReadSettings()), most=1)
    await bench.hook()
    with pytest.raises(TallygateError, match="your tenant has 1 webhooks, and 1 is the limit"):
        await bench.hook()
