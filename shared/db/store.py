"""All SQL on how far each topic's events are in this database (decision 0026)."""

from collections.abc import Iterable, Mapping

from shared.db.pool import Pool

Place = tuple[str, int]  # topic and partition


class WentBackError(Exception):
    """The database holds less than was read into it: it was restored, or a replica that was behind was promoted.

    kept: per partition, the offset from which its events must be read again.
    """

    def __init__(self, kept: Mapping[Place, int]) -> None:
        super().__init__(f"events are to be read again from: {dict(kept)}")
        self.kept = kept


def _advance(table: str) -> str:
    """One statement, which is a transaction by itself: it writes all, or says what is behind and writes nothing."""
    return f"""
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) AS one (topic, partition, first, next)
), behind AS MATERIALIZED (
    SELECT topic, partition, coalesce(next_offset, 0) AS next_offset
    FROM given LEFT JOIN {table} USING (topic, partition) WHERE coalesce(next_offset, 0) < first
), unwaited AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
), written AS (
    INSERT INTO {table} AS kept (topic, partition, next_offset)
    SELECT topic, partition, next FROM given CROSS JOIN unwaited
    WHERE NOT EXISTS (SELECT FROM behind) ORDER BY topic, partition
    ON CONFLICT (topic, partition) DO UPDATE SET next_offset = greatest(kept.next_offset, excluded.next_offset)
)
SELECT topic, partition, next_offset FROM behind
"""  # noqa: S608 - a constant


class ReadOffsets:
    """The table `<schema>.read_offsets` of one service. What is before an offset in it is in this database.

    It is written after the events, so that whatever copy of the database has it has the events too. Nothing waits for
    the disk: an offset that is lost with a crash only has a few events read twice.
    """

    def __init__(self, pool: Pool, schema: str) -> None:
        self._pool = pool
        self._table = f"{schema}.read_offsets"
        self._statement = _advance(self._table)

    async def advance(self, read: Mapping[Place, range]) -> None:
        """From the first offset to the one after the last, everything is in the database. Never moves one back, so a
        reader that has lost its partition does no harm. Raises WentBackError, and then changes nothing."""
        rows = [(topic, partition, offsets.start, offsets.stop) for (topic, partition), offsets in read.items()]
        if not rows:
            return
        columns = (list(column) for column in zip(*rows, strict=True))
        behind = await self._pool.fetch(self._statement, *columns)
        if behind:
            raise WentBackError({(row["topic"], row["partition"]): row["next_offset"] for row in behind})

    async def kept(self, topics: Iterable[str]) -> dict[Place, int]:
        """Per partition, the first offset that is not in the database. A partition of which nothing is has none."""
        rows = await self._pool.fetch(
            f"SELECT topic, partition, next_offset FROM {self._table} WHERE topic = ANY($1)",  # noqa: S608 - a constant
            list(topics),
        )
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
