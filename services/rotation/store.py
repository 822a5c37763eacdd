"""The SQL of the rotation of sealed secrets: what is in a place, and one value in the place of another."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from services.rotation.resealing import Key, Resealed, SealedRow
from shared.crypto.places import SealedPlace
from shared.db.pool import Connection, Pool
from shared.registry.store import tell_registries

_BATCH_ROWS = 200
_BATCH_BYTES = 8_000_000  # messages can be large: a batch is in memory as a whole


class RotationStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def count(self, place: SealedPlace) -> int:
        return int(await self._pool.fetchval(f"SELECT count(*) FROM {place.table} WHERE {_holds(place)}"))  # noqa: S608

    async def after(self, place: SealedPlace, key: Key | None) -> list[SealedRow]:
        """The next rows in the order of the primary key, from the first one without `key`; none: that was all."""
        rows = await self._pool.fetch(_next_rows(place, first=key is None), _BATCH_ROWS, _BATCH_BYTES, *(key or ()))
        return _sealed_rows(rows)

    async def at(self, place: SealedPlace, keys: Sequence[Key]) -> list[SealedRow]:
        """Those of the rows that are there and hold something sealed."""
        async with self._pool.acquire() as connection:
            return await _rows_at(connection, place, keys)

    async def replace(
        self, place: SealedPlace, wanted: Sequence[Resealed], check: Callable[[list[SealedRow]], None]
    ) -> set[Key]:
        """The keys of the rows that still held the old value and hold the new one now; the others are as they were.

        One transaction: what was written is read back and given to `check`, and all of it is taken back when that
        raises. Routers and gateways hear with the commit of what they keep of it.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            columns = _columns(place, [value.key for value in wanted])
            old, new = [value.old for value in wanted], [value.new for value in wanted]
            done = {_key(row) for row in await connection.fetch(_compare_and_swap(place), *columns, old, new)}
            check(await _rows_at(connection, place, list(done)))
            if place.in_registry:
                await tell_registries(connection, sorted({value.tenant_id for value in wanted if value.key in done}))
            return done


async def _rows_at(connection: Connection, place: SealedPlace, keys: Sequence[Key]) -> list[SealedRow]:
    return _sealed_rows(await connection.fetch(_rows_with_keys(place), *_columns(place, keys)))


# Only what the owners of the tables declare is joined into statements; what was stored is always an argument.


def _next_rows(place: SealedPlace, *, first: bool) -> str:
    key, size = _names(place), f"octet_length({place.column})"
    later = "TRUE" if first else f"({key}) > ({', '.join(f'${number + 3}' for number in range(len(place.key)))})"
    return f"""
        SELECT {_selected(place, "batch")} FROM (
            SELECT *, sum({size}) OVER (ORDER BY {key}) - {size} AS bytes_before FROM (
                SELECT * FROM {place.table} WHERE {_holds(place)} AND {later} ORDER BY {key} LIMIT $1) AS found
        ) AS batch WHERE bytes_before < $2::bigint ORDER BY {key}
    """  # noqa: S608


def _rows_with_keys(place: SealedPlace) -> str:
    return f"""
        SELECT {_selected(place, "t")} FROM {place.table} AS t
        JOIN unnest({_arrays(place)}) AS wanted ({_names(place)}) USING ({_names(place)})
        WHERE {_holds(place)}
    """  # noqa: S608


def _compare_and_swap(place: SealedPlace) -> str:
    same = " AND ".join(f"t.{name} = changed.{name}" for name, _ in place.key)
    count, kind = len(place.key), place.value_type
    return f"""
        UPDATE {place.table} AS t SET {place.column} = changed.new
        FROM unnest({_arrays(place)}, ${count + 1}::{kind}[], ${count + 2}::{kind}[])
            AS changed ({_names(place)}, old, new)
        WHERE {same} AND t.{place.column} = changed.old
        RETURNING {", ".join(f"t.{name}" for name, _ in place.key)}
    """  # noqa: S608


def _holds(place: SealedPlace) -> str:
    only = "" if place.ce_type is None else f" AND ce_type = '{place.ce_type}'"
    return f"{place.column} IS NOT NULL{only}"


def _names(place: SealedPlace) -> str:
    return ", ".join(name for name, _ in place.key)


def _arrays(place: SealedPlace) -> str:
    return ", ".join(f"${number}::{kind}[]" for number, (_, kind) in enumerate(place.key, 1))


def _selected(place: SealedPlace, alias: str) -> str:
    names = ("tenant_id", place.column, *(name for name, _ in place.key))
    return ", ".join(f"{alias}.{name}" for name in names)


def _columns(place: SealedPlace, keys: Sequence[Key]) -> list[list[Any]]:
    return [[key[number] for key in keys] for number in range(len(place.key))]


def _sealed_rows(rows: Iterable[Any]) -> list[SealedRow]:
    return [SealedRow(row[0], tuple(row)[2:], row[1]) for row in rows]


def _key(row: Any) -> Key:
    return tuple(row)
