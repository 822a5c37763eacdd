"""Batches fed by the real feeder on PostgreSQL, with gateways that do what a test says."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

import orjson
import pytest
import pytest_asyncio

from services.gateway.batches.lost import LostResults
from services.gateway.batches.store import BatchStore as GatewayBatches
from services.gateway.batches.store import NewBatch
from services.jobs.batches.asking import GatewayAwayError, Gateways
from services.jobs.batches.feeder import BatchSettings, Feeder
from services.jobs.batches.feeding import Parts
from services.jobs.batches.telling import Teller
from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from shared.batches.rounds import EndedLine, Round, Told
from shared.batches.store import BatchStore, NotOursError, TakenBatch
from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.db.database import Database
from shared.db.pool import Pool
from shared.events import CancelRequested, ReplyCompleted, new_id, utc_now
from shared.files import File, Files, FileStore, NewFile
from shared.inferences import InferenceStore
from shared.inferences.store import StoredResult
from shared.jobs import LeaseSettings
from shared.kafka.publisher import Outgoing, Publisher
from shared.webhooks.store import DeliveryStore
from tests.unit.shared.events.samples import settled

pytestmark = pytest.mark.real_postgres

RING = KeyRing.parse(new_key())
ENDPOINT: Final = "/v1/chat/completions"
LEASE_S = 60.0


def line(number: int, **more: Any) -> dict[str, Any]:
    body = {"model": "m", "messages": [{"role": "user", "content": f"question {number}"}]}
    return {"custom_id": f"c{number}", "method": "POST", "url": ENDPOINT, "body": body} | more


def lines(count: int) -> bytes:
    return b"\n".join(orjson.dumps(line(number)) for number in range(1, count + 1))


class World:
    """Gateways and what is behind them. published: how often, by inference; surely: those that were not said to be
    published again. answered: whether a published line has its result. verdict: what a gateway says of new lines,
    instead of taking them."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.published: Counter[UUID] = Counter()
        self.surely: Counter[UUID] = Counter()
        self.answered: Callable[[UUID], bool] = lambda _: True
        self.verdict: Callable[[Round], Told | None] = lambda _: None
        self.after: Callable[[Round], None] = lambda _: None
        self.most_in_flight = 0
        self.cancelled: set[UUID] = set()

    async def round(self, _tenant: str, batch_id: UUID, asked: Round) -> Told:
        told = self.verdict(asked)
        if told is None:
            for new in asked.lines:
                self.published[new.inference_id] += 1
                self.surely[new.inference_id] += not new.again
            told = Told(begun=[new.line for new in asked.lines], queue_age_s=0.0)
        self.most_in_flight = max(self.most_in_flight, asked.in_flight)
        rows = await self.pool.fetch(
            "SELECT line, inference_id, custom_id FROM gateway.batch_lines WHERE batch_id = $1", batch_id
        )
        ended = [
            EndedLine(line=row["line"], is_error=gone, written=orjson.dumps({"custom_id": row["custom_id"]}).decode())
            for row in rows
            if (gone := row["inference_id"] in self.cancelled)
            or (row["inference_id"] in self.published and self.answered(row["inference_id"]))
        ]
        self.after(asked)
        return told.model_copy(update={"ended": [*told.ended, *ended]})

    async def publish(self, *outgoing: Outgoing) -> None:
        for one in outgoing:
            assert isinstance(one.event, CancelRequested)
            self.cancelled.add(one.event.inference_id)


class Bench:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.tenant_id = f"t-{new_id()}"
        self.world = World(pool)
        self.files = Files(FileStore(pool), RING)
        self.gateway = GatewayBatches(pool, most_open=100)
        self.most_lines = 1000

    async def batch(self, content: bytes, window: timedelta = timedelta(hours=24)) -> UUID:
        file_id, batch_id, now = new_id(), new_id(), utc_now()
        new = NewFile(
            file_id=file_id, tenant_id=self.tenant_id, purpose="batch", name="f", kept_until=now + timedelta(days=1)
        )
        file = await self.files.begin(new)
        assert file is not None
        if content:
            file = await self.files.append(file, await self.files.sealed(file, content))
        await self.files.finish(file, now + timedelta(days=1))
        await self.gateway.add(
            NewBatch(
                batch_id=batch_id, tenant_id=self.tenant_id, key_id="0a", endpoint=ENDPOINT, input_file_id=file_id,
                completion_window="24h", metadata=None, session="s", output_kept_s=60.0, created_at=now,
                expires_at=now + window,
            )
        )  # fmt: skip
        return batch_id

    def feeder(self, worker: str = "w1", window: int = 50, gateways: object = None) -> Feeder:
        store = BatchStore(self.pool, worker)
        deliveries = DeliveryStore(Database(self.pool))
        teller = Teller(store, deliveries, lambda: None)
        settings = BatchSettings(LeaseSettings(worker, 1, LEASE_S), window, self.most_lines)
        gateways = cast(Gateways, gateways or self.world)
        return Feeder(settings, Parts(store, self.files, gateways, cast(Publisher, self.world), RING), teller)

    async def taken(self, worker: str = "w1") -> TakenBatch | None:
        """Whoever has it, and however long it wanted to rest."""
        await self.pool.execute(
            "UPDATE gateway.batches SET lease_until = NULL, rests_until = NULL WHERE tenant_id = $1", self.tenant_id
        )
        return await BatchStore(self.pool, worker).take(worker, LEASE_S)

    async def run(self, feeder: Feeder, worker: str = "w1") -> None:
        async with asyncio.timeout(60):
            while (job := await self.taken(worker)) is not None:
                await feeder.run(job)

    async def shown(self, batch_id: UUID) -> dict[str, Any]:
        row = await self.gateway.batch(self.tenant_id, batch_id)
        assert row is not None
        return dict(row)

    async def written(self, file_id: UUID | None) -> list[dict[str, Any]]:
        file: File | None = None if file_id is None else await self.files.file(self.tenant_id, file_id)
        if file is None:
            return []
        assert file.finished_at is not None
        async with aclosing(cast(Any, self.files.lines(file))) as found:
            return [orjson.loads(one.text) async for one in found]


@pytest_asyncio.fixture
async def bench(pool: Pool) -> AsyncIterator[Bench]:
    await pool.execute("DELETE FROM gateway.batches")
    found = Bench(pool)
    await pool.execute("INSERT INTO gateway.tenants (tenant_id, created_at) VALUES ($1, now())", found.tenant_id)
    yield found


def ids(written: Sequence[dict[str, Any]]) -> list[str]:
    return sorted((one["custom_id"] for one in written), key=lambda name: int(name[1:]))


def names(count: int) -> list[str]:
    return [f"c{number}" for number in range(1, count + 1)]


async def test_every_line_is_begun_once_and_answered(bench: Bench) -> None:
    batch_id = await bench.batch(lines(120) + b"\n\n  \n")

    await bench.run(bench.feeder(window=20))

    row = await bench.shown(batch_id)
    assert (row["status"], row["total"], row["completed"], row["failed"]) == ("completed", 120, 120, 0)
    assert ids(await bench.written(row["output_file_id"])) == names(120)
    assert row["error_file_id"] is None
    assert set(bench.world.published.values()) == {1}
    assert len(bench.world.published) == 120
    assert bench.world.most_in_flight <= 20
    assert await bench.pool.fetchval("SELECT count(*) FROM gateway.batch_lines WHERE batch_id = $1", batch_id) == 0


class Died(Exception):  # noqa: N818 - not an error of the code
    pass


@pytest.mark.parametrize("at_round", [1, 2, 3])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_whoever_takes_over_goes_on_where_it_stood(bench: Bench, at_round: int, when: str) -> None:
    """before, after: the gateway has published. What the next one does not know to be acked it says so of."""
    batch_id = await bench.batch(lines(40))
    rounds = 0

    def die(asked: Round) -> None:
        nonlocal rounds
        rounds += bool(asked.lines)
        if rounds == at_round and asked.lines:
            rounds += 1
            raise Died

    if when == "before":
        bench.world.verdict = die
    else:
        bench.world.after = die
    with pytest.raises(Died):
        await bench.run(bench.feeder("w1", window=10), "w1")
    await bench.run(bench.feeder("w2", window=10), "w2")

    row = await bench.shown(batch_id)
    assert (row["status"], row["completed"]) == ("completed", 40)
    assert ids(await bench.written(row["output_file_id"])) == names(40)
    assert len(bench.world.published) == 40
    assert set(bench.world.surely.values()) <= {0, 1}
    again = sum(bench.world.published.values()) - 40
    assert (again > 0) == (when == "after")


async def test_a_worker_that_has_lost_the_batch_writes_nothing(bench: Bench) -> None:
    batch_id = await bench.batch(lines(10))
    asked = asyncio.Event()
    go_on = asyncio.Event()
    bench.world.after = lambda _: asked.set()

    async def slowly(tenant: str, batch: UUID, said: Round) -> Told:
        told = await bench.world.round(tenant, batch, said)
        await go_on.wait()
        return told

    first, second = bench.feeder("w1", gateways=_Says(slowly)), bench.feeder("w2")
    job = await bench.taken()
    assert job is not None
    losing = asyncio.create_task(first.run(job))
    await asked.wait()
    await bench.run(second, "w2")
    go_on.set()
    await losing

    row = await bench.shown(batch_id)
    assert (row["status"], row["completed"]) == ("completed", 10)
    assert ids(await bench.written(row["output_file_id"])) == names(10)
    assert len(bench.world.published) == 10


async def test_what_a_worker_knows_of_an_earlier_turn_is_old(bench: Bench) -> None:
    """It stood still, another had the batch, and now it has the batch again."""
    await bench.batch(lines(1))
    store, other = BatchStore(bench.pool, "w1"), BatchStore(bench.pool, "w2")
    before = await bench.taken("w1")
    between = await bench.taken("w2")
    assert before is not None
    assert between is not None
    await other.rest(between, 0.0, 0)
    now = await store.take("w1", LEASE_S)
    assert now is not None

    with pytest.raises(NotOursError):
        await store.finalizing(before)
    await store.finalizing(now)


class _Says:
    def __init__(self, say: Callable[..., Any]) -> None:
        self.round = say


async def test_no_line_is_lost_while_gateways_are_away_or_refuse(bench: Bench) -> None:
    batch_id = await bench.batch(lines(30))
    rounds = 0

    def verdict(asked: Round) -> Told | None:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            raise GatewayAwayError("nobody answers")
        if rounds in (4, 5):
            half = asked.lines[: len(asked.lines) // 2]
            for one in half:
                bench.world.published[one.inference_id] += 1
            return Told(begun=[one.line for one in half], later="too many", later_s=0.01)
        return None

    bench.world.verdict = verdict
    await bench.run(bench.feeder(window=10))

    row = await bench.shown(batch_id)
    assert (row["status"], row["completed"], row["waiting"]) == ("completed", 30, None)
    assert ids(await bench.written(row["output_file_id"])) == names(30)
    assert len(bench.world.published) == 30


async def test_a_batch_that_waits_gives_its_only_place_to_others(bench: Bench) -> None:
    """And has it again at once when it is cancelled."""
    waits = await bench.batch(orjson.dumps(line(900)))
    goes = await bench.batch(lines(20))
    refusing = Told(later="over the budget", later_s=3600.0)
    bench.world.verdict = lambda asked: refusing if "c900" in {new.custom_id for new in asked.lines} else None
    feeder = bench.feeder()
    await feeder.start()
    async with asyncio.timeout(60):
        while (await bench.shown(goes))["status"] != "completed":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await feeder.stop()
    row = await bench.shown(waits)
    assert (row["status"], row["waiting"]) == ("in_progress", "over the budget")

    await bench.pool.execute("UPDATE gateway.batches SET rests_until = now() + interval '1 day'")
    store = BatchStore(bench.pool, "w2")
    assert await store.take("w2", LEASE_S) is None
    await bench.gateway.cancel(bench.tenant_id, waits)
    job = await store.take("w2", LEASE_S)
    assert job is not None
    await bench.feeder("w2").run(job)
    assert (await bench.shown(waits))["status"] == "cancelled"


async def test_batches_take_turns(bench: Bench) -> None:
    made = [await bench.batch(lines(1)) for _ in range(2)]
    store, had = BatchStore(bench.pool, "w1"), []
    for _ in range(4):
        job = await store.take("w1", LEASE_S)
        assert job is not None
        had.append(job.job_id)
        await store.rest(job, 0.0, 0)
    assert had == [*made, *made]


async def test_what_is_cancelled_says_so_of_each_line(bench: Bench) -> None:
    batch_id = await bench.batch(lines(40))
    answered: set[UUID] = set()

    def only_first(inference_id: UUID) -> bool:
        if len(answered) < 5:
            answered.add(inference_id)
        return inference_id in answered

    bench.world.answered = only_first
    feeding = asyncio.create_task(bench.run(bench.feeder(window=10)))
    async with asyncio.timeout(30):
        while (await bench.shown(batch_id))["completed"] < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    input_id = (await bench.shown(batch_id))["input_file_id"]
    assert await bench.gateway.reading(bench.tenant_id, input_id) == batch_id
    assert await bench.gateway.cancel(bench.tenant_id, batch_id) is not None
    await feeding

    assert await bench.gateway.reading(bench.tenant_id, input_id) is None
    row = await bench.shown(batch_id)
    assert (row["status"], row["total"], row["completed"], row["failed"]) == ("cancelled", 40, 5, 35)
    output, error = await bench.written(row["output_file_id"]), await bench.written(row["error_file_id"])
    assert ids([*output, *error]) == names(40)
    assert {one["error"]["code"] for one in error if "error" in one} == {"batch_cancelled"}
    assert bench.world.cancelled


async def test_what_is_cancelled_before_it_was_checked_has_no_files(bench: Bench) -> None:
    batch_id = await bench.batch(lines(3))
    await bench.gateway.cancel(bench.tenant_id, batch_id)

    await bench.run(bench.feeder())

    row = await bench.shown(batch_id)
    assert (row["status"], row["output_file_id"], row["error_file_id"]) == ("cancelled", None, None)
    assert not bench.world.published


async def test_what_has_no_time_left_expires(bench: Bench) -> None:
    batch_id = await bench.batch(lines(3), timedelta(seconds=-1))

    await bench.run(bench.feeder())

    row = await bench.shown(batch_id)
    assert (row["status"], row["completed"], row["failed"]) == ("expired", 0, 3)
    assert {one["error"]["code"] for one in await bench.written(row["error_file_id"])} == {"batch_expired"}


async def test_a_key_that_may_not_ask_ends_the_batch(bench: Bench) -> None:
    batch_id = await bench.batch(lines(3))
    bench.world.verdict = lambda asked: Told(stop="the key was revoked") if asked.lines else None

    await bench.run(bench.feeder())

    row = await bench.shown(batch_id)
    assert (row["status"], row["failed"]) == ("failed", 3)
    assert [one["message"] for one in row["errors"]] == ["the key was revoked"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", [("empty_file", None)]),
        (lines(1) + b"\n{\n" + lines(1), [("invalid_json_line", 2), ("duplicate_custom_id", 3)]),
        (orjson.dumps(line(1, url="/v1/embeddings")), [("mismatched_url", 1)]),
        (lines(6), [("too_many_lines", None)]),
    ],
    ids=["empty", "not-json-and-doubled", "other-endpoint", "too-many"],
)
async def test_a_file_that_is_no_batch_fails_it(bench: Bench, content: bytes, found: list[tuple[str, int]]) -> None:
    bench.most_lines = 5
    batch_id = await bench.batch(content)

    await bench.run(bench.feeder())

    row = await bench.shown(batch_id)
    assert row["status"] == "failed"
    assert [(one["code"], one["line"]) for one in row["errors"]] == found
    assert not bench.world.published


async def test_a_file_that_cannot_be_read_any_more_fails_it(bench: Bench) -> None:
    batch_id = await bench.batch(lines(3))
    file_id = (await bench.shown(batch_id))["input_file_id"]
    await bench.pool.execute("UPDATE gateway.file_parts SET sealed = 'x' WHERE file_id = $1", file_id)

    await bench.run(bench.feeder())

    row = await bench.shown(batch_id)
    assert (row["status"], [one["code"] for one in row["errors"]]) == ("failed", ["file_unreadable"])


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


async def test_a_file_that_is_gone_fails_it(bench: Bench) -> None:
    batch_id = await bench.batch(lines(3))
    file_id = (await bench.shown(batch_id))["input_file_id"]
    file = await bench.files.file(bench.tenant_id, file_id)
    assert file is not None
    await bench.files.delete(file)

    await bench.run(bench.feeder())

    row = await bench.shown(batch_id)
    assert (row["status"], [one["code"] for one in row["errors"]]) == ("failed", ["input_file_gone"])
