"""What feeds batches on PostgreSQL, with gateways that do what a test says."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

import orjson

from services.gateway.batches.store import BatchStore as GatewayBatches
from services.gateway.batches.store import NewBatch
from services.jobs.batches.asking import Gateways
from services.jobs.batches.feeder import BatchSettings, Feeder
from services.jobs.batches.feeding import Parts
from services.jobs.batches.telling import Teller
from shared.batches.rounds import EndedLine, Round, Told
from shared.batches.store import BatchStore, TakenBatch
from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.db.database import Database
from shared.db.pool import Pool
from shared.events import CancelRequested, new_id, utc_now
from shared.files import File, Files, FileStore, NewFile
from shared.jobs import LeaseSettings
from shared.kafka.publisher import Outgoing, Publisher
from shared.webhooks.store import DeliveryStore

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


def ids(written: Sequence[dict[str, Any]]) -> list[str]:
    return sorted((one["custom_id"] for one in written), key=lambda name: int(name[1:]))


def names(count: int) -> list[str]:
    return [f"c{number}" for number in range(1, count + 1)]
