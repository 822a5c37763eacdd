"""`tallygate audit --proof` and `tallygate books seal`: what they do with a database and a broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path

from services.monitor.proof.due import ready_at
from services.monitor.proof.export import exporting
from services.monitor.proof.items import items_of
from services.monitor.proof.late import genuine_ids
from services.monitor.proof.sealing import LEASE_S, Sealed, Sealer
from services.monitor.proof.seals import differences, problems_of
from services.monitor.proof.store import ProofStore
from services.monitor.proof.topic import Published, published_seals
from services.monitor.proof.verifying import State, Verdict, Verifier
from services.monitor.recovery.lease import Lease
from services.monitor.recovery.store import LeaseRow
from shared.crypto.signing import SigningKeys
from shared.db import DatabaseSettings, connect_pool
from shared.db.pool import Pool
from shared.errors import ConfigurationError, TallygateError
from shared.events import new_id, utc_now
from shared.kafka.broker import Broker
from shared.kafka.failures import RETRYABLE
from shared.kafka.publisher import Publisher

_UNREADABLE: tuple[type[Exception], ...] = (*RETRYABLE, ConfigurationError)
_TRIES = 3
_NO_TOPIC = "not compared: the broker could not be read"


async def audit_day(
    database: DatabaseSettings, broker: Broker, keys: SigningKeys, day: date, after: timedelta, export: Path | None
) -> Verdict:
    """Holds the rows of the day, its digests and all seals against each other, and the seals against the topic."""
    async with _pool(database) as pool:
        store = ProofStore(pool)
        try:
            on_topic: Published | None = await published_seals(broker, keys)
        except _UNREADABLE:
            on_topic = None
        return await verify_day(store, keys, day, after, on_topic, export)


async def verify_day(
    store: ProofStore, keys: SigningKeys, day: date, after: timedelta, on_topic: Published | None,
    export: Path | None = None,
) -> Verdict:  # fmt: skip
    """on_topic: None when it could not be read. Done again when the day was booked of or sealed meanwhile."""
    for _ in range(_TRIES):
        mark = await store.mark(day)
        verdict = await _verdict(store, keys, day, after, on_topic, export)
        if verdict.valid or mark == await store.mark(day):
            break
    return verdict


async def _verdict(
    store: ProofStore, keys: SigningKeys, day: date, after: timedelta, on_topic: Published | None, export: Path | None
) -> Verdict:
    try:
        kept = await store.seals()
    except ValueError as error:
        return Verdict.of_no_seals(day, f"a seal in the database cannot be read: {error}")
    seals = [one.seal for one in kept]
    mine = [one for one in kept if one.seal.seal.day == day]
    is_open = not mine or mine[-1].seal.seal.sealed_at < ready_at(day, after)
    late = [] if is_open else await store.late_bookings(day)
    state = State(is_open, genuine_ids(late, keys), is_dropped=day < (await store.kept_from()).date())
    verifier = Verifier(day, [one.seal for one in mine], state)
    with exporting(export) as file:
        if file is not None:
            file.begin(day, state, late, seals)
        async for item in items_of(store, day, mine, _no_pause):
            verifier.add(item)
            if file is not None:
                file.add(item)
    problems = list(problems_of(seals, keys))
    if on_topic is None:
        return verifier.verdict(problems, _NO_TOPIC)
    differing = list(differences(seals, on_topic))
    return verifier.verdict([*problems, *differing], "differs" if differing else "agrees")


async def seal_day(
    database: DatabaseSettings, broker: Broker, keys: SigningKeys, day: date, after: timedelta
) -> Sealed:
    """Raises TallygateError, also when a monitor is sealing just now."""
    keys.require_private()
    if day > utc_now().date():
        raise TallygateError("invalid_request", f"{day} has not begun")
    async with _pool(database) as pool, _publisher(broker) as publisher:
        lease = Lease(LeaseRow(pool, "sealing"), f"command {new_id()}", LEASE_S)
        async with lease.turn() as mine:
            if not mine:
                raise TallygateError(
                    "unavailable", "a monitor is sealing just now", tips=("Run it again in a minute.",)
                )
            return await Sealer(ProofStore(pool), publisher, keys).seal(day, after, lease.keep)


@asynccontextmanager
async def _pool(database: DatabaseSettings) -> AsyncIterator[Pool]:
    pool = await connect_pool(database, wait_s=5.0)
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def _publisher(broker: Broker) -> AsyncIterator[Publisher]:
    publisher = Publisher(broker, "tallygate/books")
    try:
        await publisher.start()
    except RETRYABLE as error:
        raise TallygateError("unavailable", f"the broker cannot be reached: {type(error).__name__}") from error
    try:
        yield publisher
    finally:
        await publisher.stop()


async def _no_pause() -> None:
    await asyncio.sleep(0)
