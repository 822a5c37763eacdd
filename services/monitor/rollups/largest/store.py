"""Sums of what others name, of which only the largest of each step have rows of their own, as SQL.

As all sums they are computed anew from what lies below.
"""

from collections.abc import Callable
from typing import NamedTuple

from services.monitor.rollups.steps import STEPS, SUMMED_FROM, Step
from services.monitor.rollups.sums.store import at_any


class Largest(NamedTuple):
    """columns: beside tenant and time. from_books: rows of spans of time ($1 tenants, $2 since, $3 until), at = since.
    together: makes of a statement that has such rows, of any number of tenants and times, one that has those that are
    kept of each. only: which rows are asked for; its parameters begin at $9."""

    name: str
    columns: str
    from_books: str
    together: Callable[[str], str]
    only: str = "true"

    def table(self, step: Step) -> str:
        return f"monitor.{self.name}_by_{step}"

    def insert_minutes(self) -> str:
        """$1 tenants, $2 since, $3 until."""
        return self._insert("minute", self.from_books)

    def insert_sums(self, step: Step) -> str:
        """One hour, day or month of some tenants, from the step below it. $1 its beginning, $2 its end, $3 tenants."""
        part = f"""
SELECT tenant_id, $1::timestamptz AS at, {self.columns} FROM {self.table(SUMMED_FROM[step])}
WHERE at >= $1 AND at < $2 AND tenant_id = ANY($3::text[])
"""  # noqa: S608 - only constants are joined
        return self._insert(step, part)

    def of_span(self) -> str:
        """Of one tenant and a span of time. $1 the tenants, $2 since and $3 until of what is read from the books, $4
        the tenant, $5 the minutes, $6 hours, $7 days and $8 months whose sums are read."""
        parts = [f"({self.from_books}) AS fresh WHERE {self.only}"]
        for number, step in enumerate(STEPS, 5):
            parts.append(f"{self.table(step)} WHERE tenant_id = $4 AND {at_any(step, number)} AND {self.only}")
        read = " UNION ALL ".join(
            f"SELECT $4::text AS tenant_id, 'epoch'::timestamptz AS at, {self.columns} FROM {part}"  # noqa: S608
            for part in parts
        )
        return self.together(read)

    def _insert(self, step: Step, rows: str) -> str:
        return f"INSERT INTO {self.table(step)} (tenant_id, at, {self.columns}) {self.together(rows)}"
