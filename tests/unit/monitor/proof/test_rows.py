"""What is hashed of a row, and how a row may grow."""

from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitor.books.books import ATTEMPT_COLUMNS, INFERENCE_COLUMNS, Accepted
from services.monitor.proof.rows import ATTEMPTS, INFERENCES, PARTS, digest, has_grown
from shared.events import new_id
from tests.stores.events import Said, said
from tests.unit.monitor.proof.samples import Rows, digests_of, part_of, rows_of
from tests.unit.shared.events.samples import ATTEMPT, INFERENCE, ended, requested, settled, started

# Who has an inference, until when, and where its request lies: it changes while it is worked on.
NOT_HASHED = {
    "deadline_at", "router_id", "last_start_at", "held_by", "reply_partition", "store_result", "request_partition",
    "request_offset", "delivery", "cause", "trace_id",
}  # fmt: skip


def test_every_column_that_is_booked_is_hashed_or_known_to_change() -> None:
    assert set(ATTEMPT_COLUMNS) - {"cause"} == set(ATTEMPTS.columns)
    assert set(INFERENCE_COLUMNS) - NOT_HASHED == set(INFERENCES.columns)


def test_a_digest_is_what_the_page_on_proofs_says() -> None:
    """By a row that is written out: others must be able to compute it."""
    row = dict.fromkeys(INFERENCES.columns) | {
        "inference_id": INFERENCE, "tenant_id": "acmé", "accepted_at": datetime(2026, 11, 23, 12, tzinfo=UTC),
        "settlement": "failed", "duration_s": 1e-05, "error": {"b": [1.0, None], "a": True},
    }  # fmt: skip
    written = (
        'tallygate.inferences.1\n{"accepted_at":"2026-11-23T12:00:00+00:00","duration_s":"0x1.4f8b588e368f1p-17",'
        '"error":{"a":true,"b":["0x1.0000000000000p+0",null]},"inference_id":"019a0000-0000-7000-8000-000000000001",'
        '"settlement":"failed","tenant_id":"acmé"}'
    )
    assert digest(INFERENCES, row) == sha256(written.encode()).digest()


@settings(deadline=None)
@given(said(), st.data())
def test_a_row_that_is_otherwise_in_any_column_has_another_digest_and_has_not_grown(
    events: Said, data: st.DataObject
) -> None:
    rows = rows_of([event for batch in events.batches for event in batch])
    if not rows:
        return
    place = data.draw(st.sampled_from(sorted(rows)))
    part, row = part_of(place), rows[place]
    column = data.draw(st.sampled_from(part.columns))
    other = row | {column: data.draw(st.sampled_from(_others(row[column])))}
    sealed = digest(part, row)
    assert digest(part, other) != sealed
    if row[column] is not None or other[column] is None:
        assert not has_grown(part, other, sealed)


@settings(deadline=None)
@given(said(), st.data())
def test_whatever_is_booked_later_lets_rows_only_grow(events: Said, data: st.DataObject) -> None:
    booked = [event for batch in events.batches for event in batch]
    cut = data.draw(st.integers(0, len(booked)))
    before, after = rows_of(booked[:cut]), rows_of(booked)
    _is_growth(before, after)


def test_what_is_filled_at_once_does_not_grow_by_a_part() -> None:
    """A call that ended without a price has none, and gets none later."""
    whole = rows_of([started(), ended(cost_usd=None), settled(last=None)])
    for place, row in whole.items():
        if part_of(place) is ATTEMPTS:
            assert not has_grown(ATTEMPTS, row | {"cost_usd": 1.0}, digest(ATTEMPTS, row))


def test_a_start_that_comes_after_its_outcome_is_growth() -> None:
    end = ended()
    before, after = rows_of([end]), rows_of([end, started()])
    place = (ATTEMPTS.number, INFERENCE.bytes + ATTEMPT.bytes)
    assert digests_of(before)[place] != digests_of(after)[place]
    _is_growth(before, after)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.table)
def test_no_two_tables_share_a_digest(part: Any) -> None:
    row = dict.fromkeys({column for each in PARTS for column in each.columns})
    assert sum(digest(each, row) == digest(part, row) for each in PARTS) == 1


def test_a_time_is_the_same_in_every_zone() -> None:
    row = rows_of([Accepted(requested().accepted, 3, 1)])[INFERENCES.number, INFERENCE.bytes]
    elsewhere = row["accepted_at"].astimezone(timezone(timedelta(hours=5)))
    assert digest(INFERENCES, row | {"accepted_at": elsewhere}) == digest(INFERENCES, row)


def _is_growth(before: Rows, after: Rows) -> None:
    """The first word counts, so this holds whenever a day is sealed."""
    for place, sealed in digests_of(before).items():
        part, row = part_of(place), after[place]
        assert digest(part, row) == sealed or has_grown(part, row, sealed), (part.table, before[place], row)


def _others(value: Any) -> list[Any]:
    """What somebody might write there instead."""
    match value:
        case None:
            return ["x", 0, False]
        case bool():
            return [not value, None]
        case int() | float():
            return [value + 1, -value - 1, None]
        case str():
            return [value + " ", value.upper() + "X", "", None] if value else ["x", None]
        case datetime():
            return [value + timedelta(microseconds=1), None]
        case list() | dict():
            return [[*value, "x"], None, [value]]
    return [new_id()]
