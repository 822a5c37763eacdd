"""The tables of the monitor: books, late words, and what recovery has decided."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from services.monitor.audit.invariants import Booked
from services.monitor.books.books import Books, Row
from services.monitor.books.store import BookStore
from services.monitor.recovery.claimed import Claimed
from services.monitor.recovery.lease import LeaseLostError
from services.monitor.recovery.orphans import LostAttempt, Orphan, OrphanAttempt
from services.monitor.recovery.store import RecoveryStore, Redelivered
from shared.db.store import Place
from shared.events import AttemptEnded, InferenceEvent, Now, utc_now
from tests.support.memory.turns import Turn, at_once

_OUTCOME = (
    "outcome", "outcome_event_id", "error_type", "error", "cause", "ended_at", "duration_s", "response_model",
    "finish_reasons", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
    "input_audio_tokens", "output_audio_tokens", "usage_state", "cost_usd", "streamed", "first_chunk_s", "chunks",
    "reported_by",
)  # fmt: skip
_SETTLEMENT = (
    "settlement", "settlement_event_id", "settled_at", "duration_s", "first_model", "model_served", "server_address",
    "attempts", "error_type", "error", "cause", "reported_by",
)  # fmt: skip
_CURRENT = (
    "router_id", "deadline_at", "reply_partition", "store_result", "request_partition", "request_offset",
    "last_start_at",
)  # fmt: skip


class LateWord(NamedTuple):
    event_id: UUID
    inference_id: UUID
    attempt_id: UUID | None
    ce_type: str
    body: Mapping[str, Any]
    booked_at: datetime


@dataclass(slots=True)
class Redelivery:
    reason: str
    decided_at: datetime
    published_at: datetime | None = None


@dataclass(slots=True)
class MonitorTables:
    attempts: dict[UUID, Row] = field(default_factory=dict)
    inferences: dict[UUID, Row] = field(default_factory=dict)
    late_words: dict[UUID, LateWord] = field(default_factory=dict)
    touched_slices: list[tuple[str, datetime]] = field(default_factory=list)
    redeliveries: dict[tuple[UUID, int], Redelivery] = field(default_factory=dict)
    read: dict[Place, int] = field(default_factory=dict)
    lease: tuple[str, datetime] | None = None  # who may recover, and until when
    booked_at: dict[UUID, datetime] = field(default_factory=dict)  # of inferences
    clock: Now = utc_now  # the database's own

    def book(self, books: Books, now: datetime) -> int:
        late = dict(books.late)
        late |= _late_words(_merge(self.attempts, books.attempts, _merged_attempt), "outcome_event_id", books)
        late |= _late_words(_merge(self.inferences, books.inferences, _merged_inference), "settlement_event_id", books)
        for inference_id in books.inferences:
            self.booked_at.setdefault(inference_id, self.clock())
        self.touched_slices += books.touched_slices
        for event in late.values():
            self.late_words.setdefault(event.event_id, _late_word(event, now))
        return len(late)

    def orphans(self, dead_routers: Sequence[str], claimed: Claimed) -> list[Orphan]:
        open_work = [row for row in self.inferences.values() if row["settlement"] is None and _is_claimed(row, claimed)]
        found = [(row, self.made(row["inference_id"])) for row in open_work]
        return _by_deadline(_orphan(row, made) for row, made in found if not _is_worked_on(row, made, dead_routers))

    def lost_attempts(self, dead_routers: Sequence[str]) -> list[LostAttempt]:
        return self._open_attempts(lambda row: row["router_id"] in dead_routers)

    def overdue(self, grace_s: float) -> list[Orphan]:
        rows = [row for row in self.inferences.values() if row["settlement"] is None and self._is_overdue(row, grace_s)]
        return _by_deadline(_orphan(row, self.made(row["inference_id"])) for row in rows)

    def overdue_attempts(self, grace_s: float) -> list[LostAttempt]:
        return self._open_attempts(lambda row: self._is_overdue(self.inferences[row["inference_id"]], grace_s))

    def _open_attempts(self, wanted: Callable[[Row], bool]) -> list[LostAttempt]:
        rows = [self.attempts[attempt_id] for attempt_id in sorted(self.attempts)]
        found = [row for row in rows if row["outcome"] is None and wanted(row)]
        return [LostAttempt(**{field.name: row[field.name] for field in fields(LostAttempt)}) for row in found]

    def _is_overdue(self, inference: Row, grace_s: float) -> bool:
        grace, booked_at = timedelta(seconds=grace_s), self.booked_at[inference["inference_id"]]
        if inference["deadline_at"] is None or booked_at + grace >= self.clock():
            return False
        due_at = min(inference["deadline_at"], booked_at + (inference["deadline_at"] - inference["accepted_at"]))
        return bool(due_at + grace < self.clock())

    def take_lease(self, holder: str, lease_s: float) -> bool:
        if self.lease is not None and self.lease[1] >= self.clock():
            return False
        self.lease = (holder, self.clock() + timedelta(seconds=lease_s))
        return True

    def renew_lease(self, holder: str, lease_s: float) -> bool:
        if not self.has_lease(holder):
            return False
        self.lease = (holder, self.clock() + timedelta(seconds=lease_s))
        return True

    def has_lease(self, holder: str) -> bool:
        return self.lease is not None and self.lease[0] == holder and self.lease[1] > self.clock()

    def end_lease(self, holder: str) -> None:
        if self.lease is not None and self.lease[0] == holder:
            self.lease = None

    def made(self, inference_id: UUID) -> list[Row]:
        """The attempts of one inference, in their order."""
        made = [row for row in self.attempts.values() if row["inference_id"] == inference_id]
        return sorted(made, key=lambda row: (row["attempt_number"], row["started_at"]))

    def begun(self, tenant_id: str, inference_id: UUID, delivery: int) -> bool:
        row = self.inferences.get(inference_id)
        if row is None or row["tenant_id"] != tenant_id:
            return False
        if row["settlement"] is not None or row["delivery"] > delivery:
            return True
        return row["delivery"] == delivery and row["router_id"] is not None

    def booked(self) -> Booked:
        return Booked(
            {key: row["outcome_event_id"] for key, row in self.attempts.items()},
            {key: row["settlement_event_id"] for key, row in self.inferences.items()},
        )


class MemoryBookStore(BookStore):
    def __init__(self, tables: MonitorTables, turn: Turn = at_once) -> None:
        self._tables = tables
        self._turn = turn

    async def book(self, books: Books, now: datetime) -> int:
        return await self._turn("book", lambda: self._tables.book(books, now))


class MemoryRecoveryStore(RecoveryStore):
    def __init__(self, tables: MonitorTables, turn: Turn = at_once) -> None:
        self._tables = tables
        self._turn = turn

    async def take_lease(self, holder: str, lease_s: float) -> bool:
        return await self._turn("take_lease", lambda: self._tables.take_lease(holder, lease_s))

    async def renew_lease(self, holder: str, lease_s: float) -> bool:
        return await self._turn("renew_lease", lambda: self._tables.renew_lease(holder, lease_s))

    async def end_lease(self, holder: str) -> None:
        await self._turn("end_lease", lambda: self._tables.end_lease(holder))

    async def is_work_open(self) -> bool:
        return await self._turn("is_work_open", self._is_work_open)

    def _is_work_open(self) -> bool:
        unsettled = any(row["settlement"] is None for row in self._tables.inferences.values())
        return unsettled or any(row["outcome"] is None for row in self._tables.attempts.values())

    async def routers_with_open_work(self) -> list[str]:
        return await self._turn("routers_with_open_work", self._routers_with_open_work)

    def _routers_with_open_work(self) -> list[str]:
        unsettled = {key: row for key, row in self._tables.inferences.items() if row["settlement"] is None}
        attempts = self._tables.attempts.values()
        rows = list(unsettled.values())
        rows += [row for row in attempts if row["outcome"] is None]
        held_by = [name for row in rows if row.get("held_by") for name in row["held_by"]]
        return sorted({row["router_id"] for row in rows if row["router_id"]} | set(held_by))

    async def lost_attempts(self, dead_routers: Sequence[str]) -> list[LostAttempt]:
        return await self._turn("lost_attempts", lambda: self._tables.lost_attempts(dead_routers))

    async def orphans(self, dead_routers: Sequence[str], claimed: Claimed) -> list[Orphan]:
        return await self._turn("orphans", lambda: self._tables.orphans(dead_routers, claimed))

    async def overdue_attempts(self, grace_s: float, most: int) -> list[LostAttempt]:
        return await self._turn("overdue_attempts", lambda: self._tables.overdue_attempts(grace_s)[:most])

    async def overdue(self, grace_s: float, most: int) -> list[Orphan]:
        return await self._turn("overdue", lambda: self._tables.overdue(grace_s)[:most])

    async def intend_redelivery(self, orphan: Orphan, delivery: int, now: datetime, holder: str) -> bool:
        return await self._turn("intend_redelivery", lambda: self._intend(orphan, delivery, now, holder))

    def _intend(self, orphan: Orphan, delivery: int, now: datetime, holder: str) -> bool:
        if not self._tables.has_lease(holder):
            raise LeaseLostError(holder)
        key = (orphan.inference_id, delivery)
        kept = self._tables.redeliveries.setdefault(key, Redelivery(orphan.router_id or "no router had begun", now))
        return kept.published_at is None

    async def redelivered(self, inference_id: UUID, delivery: int, now: datetime) -> None:
        await self._turn("redelivered", lambda: self._redelivered((inference_id, delivery), now))

    def _redelivered(self, key: tuple[UUID, int], now: datetime) -> None:
        if (kept := self._tables.redeliveries.get(key)) is not None:
            kept.published_at = now

    async def redelivered_since(self, since: datetime, most: int) -> list[Redelivered]:
        return await self._turn("redelivered_since", lambda: self._redelivered_since(since)[:most])

    def _redelivered_since(self, since: datetime) -> list[Redelivered]:
        books = self._tables.inferences
        found = [
            Redelivered(inference_id, delivery, one.reason, one.decided_at, one.published_at,
                        *(books.get(inference_id, {}).get(name) for name in ("tenant_id", "settlement")))
            for (inference_id, delivery), one in self._tables.redeliveries.items()
            if one.decided_at >= since
        ]  # fmt: skip
        return sorted(found, key=lambda one: one.decided_at, reverse=True)


Merged = Callable[[Row, Row], Row]


def _merge(table: dict[UUID, Row], rows: Mapping[UUID, Row], merged: Merged) -> Iterable[tuple[Row, Row]]:
    """Pairs of what is in the table then, and the row that came."""
    for key, row in rows.items():
        old = table.get(key)
        table[key] = dict(row) if old is None else merged(old, row)
    return [(table[key], row) for key, row in rows.items()]


def _merged_attempt(old: Row, new: Row) -> Row:
    started_at = new["started_at"] if new["on_record"] else old["started_at"]
    return old | _first_word(old, new, "outcome_event_id", _OUTCOME) | {
        "reason": _known(old, new, "reason"),
        "router_id": _known(old, new, "router_id"),
        "key_id": _known(old, new, "key_id"),
        "operation_name": _known(old, new, "operation_name"),
        "started_at": started_at,
        "on_record": old["on_record"] or new["on_record"],
    }  # fmt: skip


def _merged_inference(old: Row, new: Row) -> Row:
    current = new if _is_newer(new, old) else old
    return old | _first_word(old, new, "settlement_event_id", _SETTLEMENT) | {
        **{name: current[name] for name in _CURRENT},
        "held_by": (old["held_by"] or {}) | (new["held_by"] or {}) or None,
        **{name: _known(old, new, name) for name in ("key_id", "session", "tags", "trace_id", "operation_name")},
        "model_requested": _known(old, new, "model_requested"),
        "candidates": _known(old, new, "candidates"),
        "delivery": max(old["delivery"], new["delivery"]),
    }  # fmt: skip


def _first_word(old: Row, new: Row, event_id: str, columns: Iterable[str]) -> Row:
    return {name: (new if old[event_id] is None else old)[name] for name in columns}


def _known(old: Row, new: Row, column: str) -> Any:
    return new[column] if old[column] is None else old[column]


def _is_newer(new: Row, old: Row) -> bool:
    """Whether what is told of the newest delivery is in the new row."""
    if new["last_start_at"] is None or old["last_start_at"] is None:
        return new["last_start_at"] is not None
    names = ("delivery", "last_start_at", "request_offset")
    return [new[name] for name in names] >= [old[name] for name in names]


def _late_words(merged: Iterable[tuple[Row, Row]], event_id: str, books: Books) -> dict[UUID, InferenceEvent]:
    came = [row[event_id] for kept, row in merged if row[event_id] is not None and row[event_id] != kept[event_id]]
    return {word: books.words[word] for word in came}


def _late_word(event: InferenceEvent, now: datetime) -> LateWord:
    attempt_id = event.attempt_id if isinstance(event, AttemptEnded) else None
    body = event.model_dump(mode="json", exclude={"last"})
    return LateWord(event.event_id, event.inference_id, attempt_id, event.ce_type, body, now)


def _is_claimed(row: Row, claimed: Claimed) -> bool:
    """And whoever claimed it is on record by now."""
    partition, offset = row["request_partition"], row["request_offset"]
    if partition is None or offset >= claimed.now.get(partition, 0):
        return False
    let_go = any(
        hold["was_claimed"] and hold["delivery"] == row["delivery"] for hold in (row["held_by"] or {}).values()
    )
    return let_go or bool(offset < claimed.long_ago.get(partition, 0))


def _is_worked_on(row: Row, made: Sequence[Row], dead_routers: Sequence[str]) -> bool:
    if row["router_id"] is not None and row["router_id"] not in dead_routers:
        return True
    return _is_called(made, dead_routers) or _is_held(row, dead_routers)


def _is_called(made: Sequence[Row], dead_routers: Sequence[str]) -> bool:
    """A living router is calling a model for it."""
    return any(row["outcome"] is None and row["router_id"] and row["router_id"] not in dead_routers for row in made)


def _is_held(row: Row, dead_routers: Sequence[str]) -> bool:
    """It waits for its turn in a living router."""
    return any(
        router not in dead_routers and not hold["handed_back"] and hold["delivery"] == row["delivery"]
        for router, hold in (row["held_by"] or {}).items()
    )


def _by_deadline(orphans: Iterable[Orphan]) -> list[Orphan]:
    return sorted(orphans, key=lambda orphan: (orphan.deadline_at, orphan.inference_id))


def _orphan(row: Row, made: Sequence[Row]) -> Orphan:
    attempts = [
        OrphanAttempt(**{field.name: attempt[field.name] for field in fields(OrphanAttempt)}) for attempt in made
    ]
    told = {field.name: row[field.name] for field in fields(Orphan) if field.name != "attempts"}
    return Orphan(**told | {"store_result": bool(row["store_result"])}, attempts=attempts)
