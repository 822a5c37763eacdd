"""Pure: are the rows of a day as they were sealed? Rows beside their digests in, what was changed, taken out or put in
out. Whatever the size of the day, no more is kept than what is named."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from services.monitor.proof.rows import FORMS, Part, Row, digest, has_grown
from services.monitor.proof.seals import Seal, SignedSeal, called

MOST_NAMED = 1000  # rows of one kind of change
NOT_COMPARED = "not compared"


class Item(NamedTuple):
    """One row of the books, and what the seals of its day say of it. row: None when it is not there. sealed: number of
    the seal and digest, in order of the numbers."""

    part: Part
    key: bytes
    row: Row | None
    sealed: Sequence[tuple[int, bytes]]


class State(NamedTuple):
    """What the books say of a day. is_open: no seal of its end is there yet, so rows come and grow. late: ids of
    inferences of which something was booked after that seal. is_dropped: its rows are no longer kept."""

    is_open: bool = False
    late: frozenset[bytes] = frozenset()
    is_dropped: bool = False

    def explains(self, key: bytes) -> bool:
        """Whether a row may be there, or have grown, that no seal holds so."""
        return self.is_open or key[:16] in self.late


@dataclass(frozen=True, slots=True)
class Verdict:
    """unsealed: rows that were booked or grew after the last seal, as they may: the next one holds them.
    problems: sentences, also about rows that are not named one by one. topic: what comparing with it gave."""

    day: date
    sealed_at: datetime | None
    rows: int
    changed: list[dict[str, str]]
    missing: list[dict[str, str]]
    added: list[dict[str, str]]
    unsealed: int
    is_dropped: bool
    problems: list[str]
    seals: list[Seal]
    topic: str = NOT_COMPARED

    @property
    def valid(self) -> bool:
        return not (self.changed or self.missing or self.added or self.problems)

    @classmethod
    def of_no_seals(cls, day: date, problem: str) -> "Verdict":
        return cls(day, None, 0, [], [], [], 0, False, [problem], [])

    def as_json(self) -> dict[str, Any]:
        return {
            "day": str(self.day),
            "sealed_at": None if self.sealed_at is None else self.sealed_at.isoformat(),
            "rows": self.rows,
            "valid": self.valid,
            "changed": self.changed,
            "missing": self.missing,
            "added": self.added,
            "unsealed": self.unsealed,
            "dropped_by_retention": self.is_dropped,
            "problems": self.problems,
            "topic": self.topic,
            "seals": [
                asdict(seal) | {"day": str(seal.day), "sealed_at": seal.sealed_at.isoformat()} for seal in self.seals
            ],
        }


class Root:
    """The root of one seal, or what it would be: keys and digests in the order of tables and keys."""

    def __init__(self) -> None:
        self._hash = sha256()
        self.entries = 0

    def add(self, part: Part, key: bytes, row_digest: bytes) -> None:
        self._hash.update(bytes((part.number,)) + key + row_digest)
        self.entries += 1

    def hex(self) -> str:
        return self._hash.hexdigest()


@dataclass(slots=True)
class _Named:
    rows: list[dict[str, str]] = field(default_factory=list)
    total: int = 0

    def add(self, item: Item) -> None:
        self.total += 1
        if len(self.rows) < MOST_NAMED:
            self.rows.append({"table": item.part.table, **item.part.ids(item.key)})


class Verifier:
    """Takes the items of a day in their order. seals: of that day."""

    def __init__(self, day: date, seals: Sequence[SignedSeal], state: State) -> None:
        self._day = day
        self._seals = {one.seal.number: one.seal for one in seals}
        self._state = state
        self._roots = {number: Root() for number in self._seals}
        self._as_it_is = Root()  # what a first seal would hold
        self._last: tuple[int, bytes] = (0, b"")
        self._out_of_order = False
        self._changed, self._missing, self._added, self._unsealed = _Named(), _Named(), _Named(), _Named()

    def add(self, item: Item) -> None:
        self._out_of_order |= (item.part.number, item.key) <= self._last
        self._last = (item.part.number, item.key)
        for number, row_digest in item.sealed:
            if number in self._roots:
                self._roots[number].add(item.part, item.key, row_digest)
        if item.row is None:
            self._missing.add(item)
        else:
            self._as_it_is.add(item.part, item.key, digest(item.part, item.row))
            self._judge(item, item.row)

    def _judge(self, item: Item, row: Row) -> None:
        if not item.sealed or item.sealed[-1][0] not in self._seals:
            (self._unsealed if self._state.explains(item.key) else self._added).add(item)
            return
        number, sealed = item.sealed[-1]
        part = FORMS[self._seals[number].form][item.part.number - 1]
        if digest(part, row) == sealed:
            return
        may_be_so = self._state.explains(item.key) and has_grown(part, row, sealed)
        (self._unsealed if may_be_so else self._changed).add(item)

    def verdict(self, problems: Sequence[str] = (), topic: str = NOT_COMPARED) -> Verdict:
        """problems: that were found with the seals themselves."""
        seals = list(self._seals.values())
        changed, missing, added, unsealed = self._found()
        found = [*problems, *self._problems()]
        for name, rows in (("changed", changed), ("missing", missing), ("added", added)):
            if (more := rows.total - len(rows.rows)) > 0:
                found.append(f"{more} more rows are {name}, which are not named here")
        return Verdict(
            self._day, seals[-1].sealed_at if seals else None, seals[-1].rows if seals else 0, changed.rows,
            missing.rows, added.rows, unsealed.total, self._state.is_dropped, found, seals, topic,
        )  # fmt: skip

    def _found(self) -> tuple[_Named, _Named, _Named, _Named]:
        if self._state.is_dropped or self._is_whole_without_digests():
            return _Named(), _Named(), _Named(), _Named()
        return self._changed, self._missing, self._added, self._unsealed

    def _problems(self) -> Iterator[str]:
        if self._out_of_order:
            yield "rows are told twice or out of their order"
        if not self._seals:
            yield "the day is not sealed. The monitor seals it when it is over; by hand: tallygate books seal DAY"
        if self._state.is_dropped or self._is_whole_without_digests():
            return
        for number, root in self._roots.items():
            if root.hex() != self._seals[number].root:
                seal = self._seals[number]
                yield (
                    f"{called(seal)}: the digests beside it, {root.entries} of {seal.added + seal.grown}, are not "
                    "those that were signed. They were changed or taken out, and the rows may have been as well"
                )

    def _is_whole_without_digests(self) -> bool:
        """The digests are gone, and the rows give what was signed all the same."""
        roots = list(self._roots.items())
        if len(roots) != 1 or roots[0][1].entries:
            return False
        return self._as_it_is.hex() == self._seals[roots[0][0]].root
