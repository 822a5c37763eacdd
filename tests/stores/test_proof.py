"""Days of the books that are sealed, and what somebody does to them who has the database."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio

from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from services.monitor.proof import items, store
from services.monitor.proof.auditing import verify_day
from services.monitor.proof.export import verify_export
from services.monitor.proof.late import signer
from services.monitor.proof.sealing import LEASE_S, Sealed, Sealer, Sealing
from services.monitor.proof.seals import sign
from services.monitor.proof.store import ProofStore
from services.monitor.proof.topic import published_seals
from services.monitor.proof.verifying import Verdict
from services.monitor.recovery.lease import Lease
from services.monitor.recovery.store import LeaseRow
from services.monitor.retention.days import midnight
from services.monitor.retention.retention import make_days, prune
from services.monitor.retention.store import RetentionStore
from shared.crypto.signing import SigningKeys, new_signing_key
from shared.db.pool import Pool
from shared.errors import TallygateError
from shared.events import InferenceEvent, new_id, utc_now
from shared.kafka.local import LocalBroker
from shared.kafka.publisher import Publisher
from tests.stores.test_retention import TODAY, id_of, inference, sum_up
from tests.unit.shared.events.samples import ended, settled, started

pytestmark = pytest.mark.real_postgres

AFTER = timedelta(minutes=15)
DAY = TODAY - timedelta(days=2)
_PUT_IN = """
INSERT INTO monitor.attempts
    (attempt_id, inference_id, tenant_id, attempt_number, model, provider_name, server_address, started_at, on_record)
VALUES (gen_random_uuid(), $1, 'acme', 2, 'm', 'p', 'h', now(), true)
"""
KEYS = SigningKeys.parse(new_signing_key())


@dataclass(frozen=True, slots=True)
class Deployment:
    pool: Pool
    publisher: Publisher
    keys: SigningKeys = KEYS

    @property
    def store(self) -> ProofStore:
        return ProofStore(self.pool)

    async def seal(self, day: date = DAY) -> Sealed:
        return await Sealer(self.store, self.publisher, self.keys).seal(day, AFTER, _keep)

    async def verify(self, day: date = DAY, export: Path | None = None) -> Verdict:
        on_topic = await published_seals(self.publisher.broker, self.keys)
        return await verify_day(self.store, self.keys, day, AFTER, on_topic, export)

    async def book(self, *events: InferenceEvent) -> None:
        await BookStore(self.pool, signer(self.keys)).book(fold(events), utc_now())


async def _keep() -> None:
    pass


@pytest_asyncio.fixture
async def here(books: Pool) -> AsyncIterator[Deployment]:
    publisher = Publisher(LocalBroker(), "tallygate/monitor/test")
    await publisher.start()
    yield Deployment(books, publisher)
    await publisher.stop()


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, size in ((store, "ROWS", 3), (items, "ROWS", 3)):
        monkeypatch.setattr(module, name, size)
    monkeypatch.setattr("services.monitor.proof.sealing.PAGE_ENTRIES", 2)


def a_call(day: date = DAY) -> list[InferenceEvent]:
    """An inference with one call and a second, late word about it."""
    events = inference(id_of(day), midnight(day))
    late = events[1].model_copy(update={"event_id": new_id(), "duration_s": 99.0})
    return [*events, late]


async def a_sealed_day(here: Deployment, *more: InferenceEvent) -> list[UUID]:
    """Five inferences, and what else is told before it is sealed."""
    calls = [a_call() for _ in range(5)]
    await here.book(*more, *(event for call in calls for event in call))
    sealed = await here.seal()
    assert (sealed.is_new, sealed.altered) == (True, 0)
    return [call[0].inference_id for call in calls]


@pytest.mark.parametrize(
    ("tampering", "table", "kind"),
    [
        ("UPDATE monitor.attempts SET cost_usd = 0 WHERE inference_id = $1", "attempts", "changed"),
        ("UPDATE monitor.attempts SET error = '{}' WHERE inference_id = $1", "attempts", "changed"),
        ("UPDATE monitor.inferences SET tenant_id = 'globex' WHERE inference_id = $1", "inferences", "changed"),
        ("UPDATE monitor.late_words SET body = '{}' WHERE inference_id = $1", "late_words", "changed"),
        ("DELETE FROM monitor.attempts WHERE inference_id = $1", "attempts", "missing"),
        ("DELETE FROM monitor.late_words WHERE inference_id = $1", "late_words", "missing"),
        (_PUT_IN, "attempts", "added"),
    ],
    ids=lambda value: value.strip().partition("\n")[0].partition(" WHERE")[0],
)  # fmt: skip
@pytest.mark.usefixtures("small_pages")
async def test_a_row_that_is_changed_by_hand_is_named_whatever_is_sealed_later(
    here: Deployment, tampering: str, table: str, kind: str
) -> None:
    ids = await a_sealed_day(here)
    untouched = await here.verify()
    assert untouched.valid
    assert untouched.topic == "agrees"
    await here.pool.execute(tampering, ids[2])
    for rows in (15, 15 + 3):
        verdict = await here.verify()
        named = {"changed": verdict.changed, "missing": verdict.missing, "added": verdict.added}
        assert not verdict.valid
        assert [row["inference_id"] for row in named.pop(kind)] == [str(ids[2])]
        assert list(named.values()) == [[], []]
        assert {row["table"] for row in (*verdict.changed, *verdict.missing, *verdict.added)} == {table}
        assert verdict.rows == rows
        await here.book(*a_call())
        sealed = await here.seal()
        assert (sealed.seal.added, sealed.altered) == (3, 1)


@pytest.mark.usefixtures("small_pages")
async def test_what_is_booked_after_the_seal_is_held_by_a_further_one(here: Deployment) -> None:
    at, open_one = midnight(DAY), id_of(DAY)
    call = {"inference_id": open_one, "attempt_id": new_id()}
    ids = await a_sealed_day(here, started(**call, accepted_at=at, started_at=at))
    late = settled(inference_id=ids[0], accepted_at=at, event_id=new_id(), settlement="failed")
    ending = ended(**call, started_at=at, event_id=new_id())
    await here.book(ending, settled(inference_id=open_one, accepted_at=at, event_id=new_id()), late, *a_call())
    before = await here.verify()
    assert before.valid
    assert before.unsealed == 2 + 1 + 3
    sealed = await here.seal()
    assert (sealed.seal.sequence, sealed.seal.added, sealed.seal.grown, sealed.altered) == (2, 4, 2, 0)
    after = await here.verify()
    assert after.valid
    assert (after.unsealed, after.rows) == (0, 3 * 5 + 2 + 4)
    assert await here.store.notes(DAY) == []
    await here.pool.execute("UPDATE monitor.attempts SET cost_usd = 9 WHERE inference_id = $1", open_one)
    assert [row["inference_id"] for row in (await here.verify()).changed] == [str(open_one)]


async def test_what_a_past_day_is_told_of_is_noted_and_nothing_else(here: Deployment) -> None:
    await here.book(*a_call(utc_now().date()))
    assert await here.pool.fetchval("SELECT count(*) FROM monitor.late_bookings") == 0
    await here.book(*a_call(DAY))
    assert await here.pool.fetchval("SELECT array_agg(DISTINCT day) FROM monitor.late_bookings") == [DAY]


async def test_who_has_the_database_alone_cannot_have_a_row_sealed(here: Deployment) -> None:
    """Put in with a note as a monitor writes it, which is signed by nobody, or by somebody else."""
    [one, *_] = await a_sealed_day(here)
    await here.pool.execute(_PUT_IN, one)
    for signature in (None, SigningKeys.parse(new_signing_key()).sign(b"anything")):
        note = "INSERT INTO monitor.late_bookings (day, ids, signature) VALUES ($1, $2, $3)"
        await here.pool.execute(note, DAY, one.bytes, signature)
        assert len((await here.verify()).added) == 1
        assert (await here.seal()).altered == 1
    assert len((await here.verify()).added) == 1


async def test_rows_and_their_digests_changed_together_do_not_give_what_was_signed(here: Deployment) -> None:
    [one, *_] = await a_sealed_day(here)
    await here.pool.execute("UPDATE monitor.attempts SET cost_usd = 0 WHERE inference_id = $1", one)
    other = Deployment(here.pool, Publisher(LocalBroker(), "elsewhere"), SigningKeys.parse(new_signing_key("theirs")))
    await other.publisher.start()
    kept = await here.store.seals()
    await here.pool.execute("DELETE FROM monitor.seals")
    await other.seal()  # whoever has the database alone has another key, and another topic
    await other.publisher.stop()
    forged = await here.store.seals()
    assert not (await here.verify()).valid
    await here.pool.execute("UPDATE monitor.seals SET signed = $1, signature = $2", kept[0].seal.signed,
                            kept[0].seal.signature)  # fmt: skip
    verdict = await here.verify()
    assert not verdict.valid
    assert "are not those that were signed" in verdict.problems[0]
    assert forged[0].pages is not None


async def test_a_seal_of_the_deployment_itself_does_not_replace_the_one_on_the_topic(here: Deployment) -> None:
    """Rows changed, the seal deleted, so that the monitor seals the day anew."""
    [one, *_] = await a_sealed_day(here)
    await here.pool.execute("UPDATE monitor.attempts SET cost_usd = 0 WHERE inference_id = $1", one)
    await here.pool.execute("DELETE FROM monitor.seals")
    with pytest.raises(TallygateError, match="the rows are not those that were signed"):
        await here.seal()
    verdict = await here.verify()
    assert not verdict.valid
    again = sign(KEYS, replace((await here.store.seals())[0].seal.seal, rows=1))
    await here.pool.execute("UPDATE monitor.seals SET signed = $1, signature = $2", again.signed, again.signature)
    with pytest.raises(TallygateError, match="was replaced"):
        await here.seal()
    assert (await here.verify()).topic == "differs"


async def test_a_database_that_was_restored_to_before_the_seal_gets_it_back(here: Deployment) -> None:
    await a_sealed_day(here)
    await here.pool.execute("DELETE FROM monitor.seals")
    missing = await here.verify()
    assert "is on the topic and not in the database" in missing.problems[0]
    sealed = await here.seal()
    assert (sealed.seal.number, sealed.is_new) == (1, False)
    verdict = await here.verify()
    assert verdict.valid
    assert verdict.topic == "agrees"


async def test_a_seal_that_was_not_published_is_published_with_the_next_one(here: Deployment) -> None:
    await a_sealed_day(here)
    other = Publisher(LocalBroker(), "a new topic")
    await other.start()
    later = Deployment(here.pool, other)
    await later.book(*a_call(DAY + timedelta(days=1)))
    await later.seal(DAY + timedelta(days=1))
    assert len(await published_seals(other.broker, KEYS)) == 2
    await other.stop()


async def test_what_retention_drops_is_no_tampering_and_the_seal_stays(here: Deployment) -> None:
    retained = RetentionStore(here.pool)
    await make_days(retained, utc_now())
    await a_sealed_day(here)
    await sum_up(here.pool)
    await retained.keep_from(midnight(DAY + timedelta(days=1)))
    await prune(retained)
    verdict = await here.verify()
    assert verdict.valid
    assert (verdict.is_dropped, verdict.rows, verdict.topic) == (True, 15, "agrees")
    assert await here.pool.fetchval("SELECT count(*) FROM monitor.attempts") == 0
    assert await here.pool.fetchval("SELECT count(*) FROM monitor.digests") == 0
    with pytest.raises(TallygateError, match="no longer kept"):
        await here.seal()


async def test_an_export_is_verified_without_the_database(here: Deployment, tmp_path: Path) -> None:
    ids = await a_sealed_day(here)
    whole, packed = tmp_path / "day.jsonl", tmp_path / "day.jsonl.gz"
    for file in (whole, packed):
        verdict = await here.verify(export=file)
        public = SigningKeys.parse(KEYS.public_text())
        assert replace(verify_export(file, public), topic="agrees") == verdict
    lines = whole.read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if '"table":"attempts"' in line and str(ids[1]) in line)
    told = json.loads(lines[place])
    told["row"]["cost_usd"] = 1000.0
    await write(whole, [*lines[:place], json.dumps(told), *lines[place + 1 :]])
    assert [row["inference_id"] for row in verify_export(whole, KEYS).changed] == [str(ids[1])]
    await write(whole, [*lines[:place], *lines[place + 1 : -1], json.dumps({"rows": 14})])
    assert not verify_export(whole, KEYS).valid
    for cut in (lines[:-1], lines[:place], [], ["{}"], ["no JSON"]):
        await write(whole, cut)
        with pytest.raises(TallygateError, match="not a whole export"):
            verify_export(whole, KEYS)


async def write(file: Path, lines: list[str]) -> None:
    await asyncio.to_thread(file.write_text, "\n".join(lines))


async def test_the_monitor_seals_every_day_that_is_over_once(here: Deployment) -> None:
    today = utc_now().date()
    first = today - timedelta(days=4)
    await here.book(*a_call(first), *a_call(today - timedelta(days=2)), *a_call(today))
    lease = Lease(LeaseRow(here.pool, "sealing"), "m1", LEASE_S)

    async def booked() -> bool:
        return True

    sealing = Sealing(here.store, Sealer(here.store, here.publisher, KEYS), lease, 0.0, booked)
    async with Lease(LeaseRow(here.pool, "sealing"), "m2", LEASE_S).turn() as theirs:
        assert theirs
        await sealing.look()
        assert await here.store.seals() == []
    for _ in range(2):
        await sealing.look()
        days = [one.seal.seal.day for one in await here.store.seals()]
        assert days == [first + timedelta(days=n) for n in range(4)], "also those without a row, and not today"
    await here.book(*a_call(DAY))
    await sealing.look()
    assert len(await here.store.seals()) == 4, "it was sealed a moment ago"
