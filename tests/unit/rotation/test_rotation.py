from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from services.__main__ import SEALED_PLACES
from services.rotation import rotation
from services.rotation.resealing import Key, Opened, Resealed, SealedRow, Value, key_id_of, look
from services.rotation.rotation import Rotation, rotate, take_inventory
from services.rotation.store import RotationStore
from shared.crypto.places import SealedPlace
from shared.errors import TallygateError
from tests.unit.rotation.sealed_values import NEW, NEW_ONLY, OLD, OLD_KEY, SECRET, as_value, place, row

BATCH = 3
KEYS = place("provider_keys.sealed_api_key")


class StoreInMemory(RotationStore):
    """The contract of RotationStore; `before_replace` is what somebody else does in between."""

    def __init__(self, rows: dict[str, list[SealedRow]]) -> None:
        self.rows = {name: {row.key: row for row in some} for name, some in rows.items()}
        self.before_replace: Callable[[], None] = lambda: None
        self.stored: Callable[[Resealed], Value] = lambda wanted: wanted.new
        self.failures = 0

    def of(self, place: SealedPlace) -> dict[Key, SealedRow]:
        return self.rows.get(place.name, {})

    async def count(self, place: SealedPlace) -> int:
        return len(self.of(place))

    async def after(self, place: SealedPlace, key: Key | None) -> list[SealedRow]:
        if self.failures:
            self.failures -= 1
            raise ConnectionResetError
        rows = sorted(self.of(place).values(), key=lambda row: row.key)
        return [row for row in rows if key is None or row.key > key][:BATCH]

    async def at(self, place: SealedPlace, keys: Sequence[Key]) -> list[SealedRow]:
        return [self.of(place)[key] for key in keys if key in self.of(place)]

    async def replace(
        self, place: SealedPlace, wanted: Sequence[Resealed], check: Callable[[list[SealedRow]], None]
    ) -> set[Key]:
        self.before_replace()
        held = self.of(place)
        written = {
            changed.key: replace(held[changed.key], value=self.stored(changed))
            for changed in wanted
            if changed.key in held and held[changed.key].value == changed.old
        }
        check(list(written.values()))
        held.update(written)
        return set(written)


def unseen(of: SealedPlace, looked_at: int, total: int) -> None:
    """Nobody looks."""


def everywhere(rows: int) -> StoreInMemory:
    return StoreInMemory({of.name: [row(of, number) for number in range(rows)] for of in SEALED_PLACES})


def secrets_of(store: StoreInMemory) -> set[bytes | None]:
    """Opened with the new key alone; None: cannot be."""
    found = [look(NEW_ONLY, of, sealed) for of in SEALED_PLACES for sealed in store.of(of).values()]
    return {seen.secret if isinstance(seen, Opened) else None for seen in found}


async def test_everything_comes_under_the_first_key() -> None:
    store, seen = everywhere(7), list[tuple[str, int, int]]()

    done = await rotate(
        store, NEW, SEALED_PLACES, lambda of, looked_at, total: seen.append((of.name, looked_at, total))
    )

    assert secrets_of(store) == {SECRET}
    assert done == Rotation(resealed={of.name: 7 for of in SEALED_PLACES})  # type: ignore[arg-type]
    assert seen == [(of.name, looked_at, 7) for of in SEALED_PLACES for looked_at in (0, 3, 6, 7)]


async def test_a_second_run_writes_nothing() -> None:
    store = everywhere(7)
    await rotate(store, NEW, SEALED_PLACES, unseen)
    before = {name: dict(rows) for name, rows in store.rows.items()}

    done = await rotate(store, NEW, SEALED_PLACES, unseen)

    assert store.rows == before
    assert (done.resealed.total(), done.already.total()) == (0, 7 * len(SEALED_PLACES))


async def test_what_cannot_be_opened_is_reported_and_left() -> None:
    broken = replace(row(KEYS, 1), value=as_value(KEYS, "broken"))
    store = StoreInMemory({KEYS.name: [row(KEYS, 0), broken, row(KEYS, 2)]})

    done = await rotate(store, NEW, SEALED_PLACES, unseen)

    assert store.of(KEYS)[broken.key] == broken
    assert done.resealed[KEYS.name] == 2
    assert [unreadable[:3] for unreadable in done.unreadable] == [(KEYS.name, "acme", "0001")]


async def test_what_was_changed_meanwhile_keeps_the_new_value_and_is_sealed_anew() -> None:
    store = StoreInMemory({KEYS.name: [row(KEYS, number) for number in range(3)]})
    changed, deleted = row(KEYS, 1, secret=b"newer"), row(KEYS, 2)

    def change() -> None:
        store.of(KEYS)[changed.key] = changed
        store.of(KEYS).pop(deleted.key)
        store.before_replace = lambda: None

    store.before_replace = change

    done = await rotate(store, NEW, SEALED_PLACES, unseen)

    assert done.resealed[KEYS.name] == 2
    assert secrets_of(store) == {SECRET, b"newer"}
    assert deleted.key not in store.of(KEYS)


async def test_what_came_under_the_first_key_meanwhile_is_left() -> None:
    store = StoreInMemory({KEYS.name: [row(KEYS)]})
    changed = row(KEYS, ring=NEW, secret=b"newer")
    store.before_replace = lambda: store.of(KEYS).update({changed.key: changed})

    done = await rotate(store, NEW, SEALED_PLACES, unseen)

    assert store.of(KEYS)[changed.key] == changed
    assert (done.resealed.total(), done.already.total()) == (0, 1)


# The ids are named: sealed values differ between processes, and tests must have the same names in all of them.
@pytest.mark.parametrize(
    "wrong",
    [row(KEYS).value, "cut", row(KEYS, 1, NEW).value, row(KEYS, 0, NEW, b"x").value],
    ids=["under the old key", "cut", "of another row", "another secret"],
)
async def test_what_is_read_back_wrong_takes_the_batch_back(wrong: Value) -> None:
    store = StoreInMemory({KEYS.name: [row(KEYS)]})
    before, store.stored = dict(store.of(KEYS)), lambda _: wrong

    with pytest.raises(TallygateError, match="read back other than it was written"):
        await rotate(store, NEW, SEALED_PLACES, unseen)

    assert store.of(KEYS) == before


async def test_it_waits_for_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "_RETRY_S", 0.0)
    store = everywhere(1)
    store.failures = rotation._TRIES - 1

    done = await rotate(store, NEW, SEALED_PLACES, unseen)

    assert done.resealed.total() == len(SEALED_PLACES)


async def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "_RETRY_S", 0.0)
    store = everywhere(1)
    store.failures = rotation._TRIES

    with pytest.raises(TallygateError, match="the database did not answer") as caught:
        await rotate(store, NEW, SEALED_PLACES, unseen)

    assert "Run it again" in caught.value.failure.tips[0]


async def test_the_inventory_opens_everything() -> None:
    altered = replace(row(KEYS, 9), value=as_value(KEYS, "none"))
    store = StoreInMemory({KEYS.name: [row(KEYS), row(KEYS, 1, NEW), row(KEYS, 2, NEW), altered]})

    inventory = await take_inventory(store, NEW, SEALED_PLACES, unseen)

    assert inventory.counts == {(KEYS.name, "k1"): 1, (KEYS.name, "k2"): 2, (KEYS.name, None): 1}
    assert [unreadable.id for unreadable in inventory.unreadable] == ["0009"]
    assert key_id_of(KEYS, row(KEYS)) == OLD.sealing_kid == OLD_KEY.partition(":")[0]


async def test_the_same_key_id_with_another_key_is_noticed() -> None:
    store = StoreInMemory({KEYS.name: [row(KEYS)]})
    stranger = type(OLD)("k1", NEW_ONLY.ciphers | {"k1": NEW_ONLY.ciphers["k2"]})  # type: ignore[operator]

    assert len((await take_inventory(store, stranger, SEALED_PLACES, unseen)).unreadable) == 1
