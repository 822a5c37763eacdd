"""Any change, removal or addition of a row is named; changed digests and seals are noticed."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitor.proof.rows import INFERENCES
from services.monitor.proof.seals import SignedSeal, differences, problems_of
from services.monitor.proof.verifying import MOST_NAMED, Item, State, Verdict, Verifier
from shared.crypto.signing import SigningKeys, new_signing_key
from shared.events import new_id
from tests.stores.events import Said, said
from tests.unit.monitor.proof.samples import (
    DAY,
    KEYS,
    Rows,
    digests_of,
    items,
    part_of,
    resigned,
    rows_of,
    sealed,
)
from tests.unit.shared.events.samples import ended, settled, started

OPEN, CLOSED = State(is_open=True), State()


def verify(seals: list[SignedSeal], given: list[Item], state: State = CLOSED) -> Verdict:
    verifier = Verifier(DAY, seals, state)
    for item in given:
        verifier.add(item)
    return verifier.verdict(list(problems_of(seals, KEYS)))


def named(rows: list[dict[str, str]]) -> set[tuple[str, ...]]:
    return {tuple(row.values()) for row in rows}


def name(place: tuple[int, bytes]) -> tuple[str, ...]:
    part = part_of(place)
    return (part.table, *part.ids(place[1]).values())


def some_rows(inferences: int = 3) -> Rows:
    events: list[Any] = []
    for _ in range(inferences):
        ids = {"inference_id": new_id(), "attempt_id": new_id()}
        events += [started(**ids), ended(**ids, event_id=new_id()), ended(**ids, event_id=new_id(), outcome="failed")]
        events.append(settled(inference_id=ids["inference_id"], event_id=new_id()))
    return rows_of(events)


@settings(deadline=None)
@given(said(), st.data())
def test_what_was_changed_taken_out_and_put_in_is_named_and_nothing_else(events: Said, data: st.DataObject) -> None:
    rows = rows_of([event for batch in events.batches for event in batch])
    entries = digests_of(rows)
    seal = sealed([], entries)
    assert verify([seal], items(rows, {1: entries})).valid
    fates = {place: data.draw(st.sampled_from(("kept", "kept", "changed", "missing"))) for place in rows}
    added = some_rows(data.draw(st.integers(0, 1)))
    now = {place: row for place, row in rows.items() if fates[place] != "missing"} | added
    for place, fate in fates.items():
        if fate == "changed":
            column = data.draw(st.sampled_from(part_of(place).columns))
            now[place] = rows[place] | {column: "somebody wrote this"}
    verdict = verify([seal], items(now, {1: entries}))
    for kind, found in (("changed", verdict.changed), ("missing", verdict.missing)):
        assert named(found) == {name(place) for place, fate in fates.items() if fate == kind}
    assert named(verdict.added) == {name(place) for place in added}
    assert verdict.valid == (now == rows)
    assert verdict.rows == len(rows)


def test_rows_that_are_booked_and_grow_after_a_seal_are_held_by_a_further_one() -> None:
    ids = {"inference_id": new_id(), "attempt_id": new_id()}
    first = rows_of([started(**ids)])
    whole = rows_of([started(**ids), ended(**ids), settled(inference_id=ids["inference_id"])]) | some_rows(1)
    seals = [sealed([], digests_of(first))]
    one = {1: digests_of(first)}
    late = frozenset(key[:16] for _, key in whole)
    for state in (OPEN, State(late=late)):
        moving = verify(seals, items(whole, one), state)
        assert moving.valid
        assert moving.unsealed == len(whole)
    one_is_not_signed = verify(seals, items(whole, one), State(late=frozenset({ids["inference_id"].bytes})))
    assert len(one_is_not_signed.added) == 3
    closed = verify(seals, items(whole, one))
    assert len(closed.changed) == 2
    assert len(closed.added) == len(whole) - 2
    new = {place: value for place, value in digests_of(whole).items() if one[1].get(place) != value}
    seals.append(sealed(seals, new, grown=2))
    both = one | {2: new}
    verdict = verify(seals, items(whole, both))
    assert verdict.valid
    assert verdict.rows == len(whole)
    assert verify(seals, items(first, both)).changed, "rows that are as they were before they grew"


def test_while_a_day_is_open_what_was_sealed_may_not_change_otherwise() -> None:
    rows = some_rows()
    entries = digests_of(rows)
    place = next(iter(rows))
    changed = rows | {place: rows[place] | {"tenant_id": "globex"}}
    verdict = verify([sealed([], entries)], items(changed, {1: entries}), OPEN)
    assert named(verdict.changed) == {name(place)}


def test_digests_that_were_changed_with_their_rows_do_not_give_the_signed_root() -> None:
    rows = some_rows()
    seal = sealed([], digests_of(rows))
    place = next(iter(rows))
    forged = rows | {place: rows[place] | {"tenant_id": "globex"}}
    verdict = verify([seal], items(forged, {1: digests_of(forged)}))
    assert not verdict.valid
    assert "are not those that were signed" in verdict.problems[0]
    fewer = {place: row for place, row in rows.items() if place != next(iter(rows))}
    assert not verify([seal], items(fewer, {1: digests_of(fewer)})).valid


def test_without_digests_rows_that_give_the_signed_root_are_as_they_were() -> None:
    """As after a database was restored to before the seal, and caught up."""
    rows = some_rows()
    seal = sealed([], digests_of(rows))
    assert verify([seal], items(rows, {})).valid
    place = next(iter(rows))
    assert not verify([seal], items(rows | {place: rows[place] | {"tenant_id": "globex"}}, {})).valid


def test_what_retention_dropped_is_not_missing() -> None:
    verdict = verify([sealed([], digests_of(some_rows()))], [], State(is_dropped=True))
    assert verdict.valid
    assert verdict.is_dropped
    assert verdict.rows == 9


def test_a_day_without_a_seal_is_not_valid() -> None:
    verdict = verify([], items(some_rows(), {}), OPEN)
    assert not verdict.valid
    assert "tallygate books seal" in verdict.problems[0]


def test_a_day_without_rows_is_sealed_too_so_that_one_that_is_put_in_is_named() -> None:
    assert verify([sealed([], {})], []).valid
    assert len(verify([sealed([], {})], items(some_rows(1), {})).added) == 3


def test_rows_that_are_told_twice_are_a_problem() -> None:
    rows = some_rows(1)
    entries = digests_of(rows)
    told = items(rows, {1: entries})
    assert verify([sealed([], entries)], [told[0], told[0]._replace(sealed=[]), *told[1:]]).problems


def test_no_more_is_named_than_a_page_holds() -> None:
    many = {(INFERENCES.number, n.to_bytes(16)): dict.fromkeys(INFERENCES.columns) for n in range(MOST_NAMED + 5)}
    verdict = verify([sealed([], {})], items(many, {}))
    assert len(verdict.added) == MOST_NAMED
    assert "5 more rows are added" in verdict.problems[0]


def three_seals() -> list[SignedSeal]:
    seals: list[SignedSeal] = []
    for entries in (digests_of(some_rows(1)), {}, digests_of(some_rows(1))):
        seals.append(sealed(seals, entries))
    return seals


def test_seals_that_were_changed_taken_out_or_put_in_are_told() -> None:
    seals = three_seals()
    assert list(problems_of(seals, KEYS)) == []
    text = seals[1].signed.replace('"rows":3', '"rows":5')
    assert text != seals[1].signed
    forged = SignedSeal.read(text, seals[1].signature)
    assert "is not signed" in next(problems_of([seals[0], forged, seals[2]], KEYS))
    assert "taken out" in next(problems_of([seals[0], seals[2]], KEYS))
    another = resigned(seals[1], rows=5)
    assert "does not follow" in next(problems_of([seals[0], another, seals[2]], KEYS))
    elsewhere = resigned(seals[2], sequence=7)
    assert "of its day" in next(problems_of([*seals[:2], elsewhere], KEYS))


def test_a_seal_of_another_deployments_key_is_none_of_ours() -> None:
    others = SigningKeys.parse(new_signing_key("theirs"))
    assert "that key is not given" in next(problems_of(three_seals(), others))


def test_what_the_topic_tells_otherwise_is_told() -> None:
    seals = three_seals()
    on_topic = {(one.seal.day, one.seal.sequence): one for one in seals}
    assert list(differences(seals, on_topic)) == []
    assert "not in the database" in next(differences(seals[:2], on_topic))
    another = resigned(seals[2], rows=1)
    assert "was replaced" in next(differences([*seals[:2], another], on_topic))
    assert list(differences(seals, {})) == [], "it is published later"


def test_a_seal_is_read_as_it_was_signed() -> None:
    seal = three_seals()[0]
    assert SignedSeal.of_event(seal.event) == seal
    assert replace(seal.seal) == SignedSeal.read(seal.signed, b"").seal
