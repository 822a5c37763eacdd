"""Look at every sealed secret at rest, and seal anew what is not under the first key of the ring."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from services.rotation.resealing import Key, Opened, SealedRow, Unreadable, holds_secret, key_id_of, look, resealed
from services.rotation.store import RotationStore
from shared.crypto import KeyRing
from shared.crypto.places import SealedPlace
from shared.db import DatabaseSettings, connect_pool
from shared.db.failures import RETRYABLE, NotMigratedError
from shared.errors import ConfigurationError, TallygateError

_TRIES = 15
_RETRY_S = 1.0
_CONNECT_S = 5.0

# Called with a place, how many of its rows were looked at, and how many there were at the beginning.
Seen = Callable[[SealedPlace, int, int], None]
Places = Sequence[SealedPlace]
T = TypeVar("T")


@dataclass
class Inventory:
    """What is sealed. counts: by place and key id (None: unknown), the unreadable ones too."""

    counts: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    unreadable: list[Unreadable] = field(default_factory=list)


@dataclass
class Rotation:
    """What was done, by place. already: were under the first key, or came under it meanwhile."""

    resealed: Counter[str] = field(default_factory=Counter)
    already: Counter[str] = field(default_factory=Counter)
    unreadable: list[Unreadable] = field(default_factory=list)


async def run_inventory(database: DatabaseSettings, ring: KeyRing, places: Places, seen: Seen) -> Inventory:
    async with _opened_store(database) as store:
        return await take_inventory(store, ring, places, seen)


async def run_rotation(database: DatabaseSettings, ring: KeyRing, places: Places, seen: Seen) -> Rotation:
    async with _opened_store(database) as store:
        return await rotate(store, ring, places, seen)


async def take_inventory(store: RotationStore, ring: KeyRing, places: Places, seen: Seen) -> Inventory:
    """Every secret is really opened."""
    inventory = Inventory()
    async for place, rows in _batches(store, places, seen):
        for row in _with_secrets(place, rows):
            inventory.counts[place.name, key_id_of(place, row)] += 1
            found = look(ring, place, row)
            if isinstance(found, Unreadable):
                inventory.unreadable.append(found)
    return inventory


async def rotate(store: RotationStore, ring: KeyRing, places: Places, seen: Seen) -> Rotation:
    """Can be killed at any moment and run again: a batch is resealed as a whole or not at all, and what is under the
    first key already is left alone. So is what cannot be opened."""
    rotation = Rotation()
    async for place, rows in _batches(store, places, seen):
        await _reseal(store, ring, place, rows, rotation)
    return rotation


@asynccontextmanager
async def _opened_store(database: DatabaseSettings) -> AsyncIterator[RotationStore]:
    # asyncpg logs a traceback for each failed reconnection; _patiently raises one sentence instead.
    logging.getLogger("asyncpg").addHandler(logging.NullHandler())
    pool = await connect_pool(database, wait_s=_CONNECT_S)
    try:
        yield RotationStore(pool)
    except NotMigratedError as error:
        raise ConfigurationError(f"the database has an older schema ({error}); run: tallygate migrate") from error
    finally:
        await pool.close()


async def _batches(
    store: RotationStore, places: Places, seen: Seen
) -> AsyncIterator[tuple[SealedPlace, list[SealedRow]]]:
    """All rows of all places, each place in the order of its primary key."""
    for place in places:
        total = await _patiently(partial(store.count, place))
        looked_at, key = 0, None
        seen(place, 0, total)
        while rows := await _patiently(partial(store.after, place, key)):
            yield place, rows
            looked_at, key = looked_at + len(rows), rows[-1].key
            seen(place, looked_at, total)


async def _reseal(
    store: RotationStore, ring: KeyRing, place: SealedPlace, rows: Sequence[SealedRow], rotation: Rotation
) -> None:
    """Until no row is left: one that was changed in the meantime was not replaced, and is read and resealed again."""
    while rows:
        opened = _opened(ring, place, rows, rotation)
        if not opened:
            return
        wanted = [resealed(ring, place, secret) for secret in opened]
        check = partial(check_written, ring, place, {secret.row.key: secret.secret for secret in opened})
        done = await _patiently(partial(store.replace, place, wanted, check))
        rotation.resealed[place.name] += len(done)
        missed = [secret.row.key for secret in opened if secret.row.key not in done]
        rows = await _patiently(partial(store.at, place, missed)) if missed else []


def _opened(ring: KeyRing, place: SealedPlace, rows: Sequence[SealedRow], rotation: Rotation) -> list[Opened]:
    """The secrets to reseal. Those under the first key already, and unreadable ones, are counted in `rotation`."""
    opened = []
    for row in _with_secrets(place, rows):
        if key_id_of(place, row) == ring.sealing_kid:
            rotation.already[place.name] += 1
            continue
        found = look(ring, place, row)
        if isinstance(found, Opened):
            opened.append(found)
        else:
            rotation.unreadable.append(found)
    return opened


def _with_secrets(place: SealedPlace, rows: Sequence[SealedRow]) -> list[SealedRow]:
    return [row for row in rows if holds_secret(place, row)]


def check_written(ring: KeyRing, place: SealedPlace, secrets: Mapping[Key, bytes], rows: Sequence[SealedRow]) -> None:
    """Raises when a row, as it was read back, is not the secret that it was, under the first key."""
    for row in rows:
        found = look(ring, place, row)
        if not isinstance(found, Opened) or (found.kid, found.secret) != (ring.sealing_kid, secrets[row.key]):
            raise TallygateError(
                "internal",
                f"{place.name} of {row.tenant_id} was read back other than it was written; this batch was taken back",
                tips=("Every secret is readable as before. Check the database, then run it again.",),
            )


async def _patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Repeats the work while the database is away. A repeated batch that was done already is found resealed."""
    for tried in range(_TRIES):
        try:
            return await work()
        except NotMigratedError:  # nobody waits for a migration here
            raise
        except RETRYABLE as error:
            if tried == _TRIES - 1:
                raise TallygateError(
                    "unavailable",
                    f"the database did not answer ({type(error).__name__}); every secret is readable",
                    tips=("Run it again: it goes on where it was.",),
                ) from error
            await asyncio.sleep(_RETRY_S)
    raise AssertionError
