"""Idempotency keys and stored results."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway.inference.idempotency import IdempotencyKey
from services.monitor.books.books import fold
from shared.events import ReplyCompleted, ReplyFailed, new_id
from shared.inferences.store import StoredResult
from tests.stores.bench import TENANT, Stores, memory_stores
from tests.unit.shared.events.samples import NOW, settled

Verb = Literal["claim", "known", "take_over", "published"]


def new_key(text: str = "k", body: bytes = b"b") -> IdempotencyKey:
    return IdempotencyKey(TENANT, str(new_id()), text, body)


async def test_a_key_stands_for_what_it_was_first_sent_with(stores: Stores) -> None:
    key, first = new_key(), new_id()
    assert await stores.keys.known_key(key) is None
    assert (await stores.keys.claim_key(key, first, NOW)).id == first
    again = await stores.keys.claim_key(key._replace(body_sha256=b"other"), new_id(), NOW)
    assert (again.id, again.body_sha256, again.published) == (first, b"b", False)


async def test_only_what_was_not_published_is_taken_over_and_by_one(stores: Stores) -> None:
    key, later = new_key(), NOW + timedelta(seconds=6)
    await stores.keys.claim_key(key, new_id(), NOW)
    assert not await stores.keys.take_over(key, later, NOW)  # it was taken up just then
    assert await stores.keys.take_over(key, later, NOW + timedelta(seconds=1))
    assert not await stores.keys.take_over(key, later, NOW + timedelta(seconds=1))
    await stores.keys.key_published(key, later)
    assert not await stores.keys.take_over(key, later, later + timedelta(days=1))
    known = await stores.keys.known_key(key)
    assert known is not None
    assert known.published


async def test_the_first_result_of_an_inference_stays(stores: Stores) -> None:
    inference_id = new_id()
    first, second = (StoredResult(inference_id, TENANT, "t", event) for event in (b"1", b"2"))
    await stores.inferences.add_results([first], NOW, NOW + timedelta(days=1))
    await stores.inferences.add_results(
        [second, StoredResult(new_id(), TENANT, "t", b"3")], NOW, NOW + timedelta(days=1)
    )
    assert await stores.inferences.results([inference_id, new_id()]) == [first]


async def test_of_two_kinds_of_result_the_one_is_told_that_the_books_have(stores: Stores) -> None:
    inference_id = new_id()
    failed, completed = (
        StoredResult(inference_id, TENANT, kind.ce_type, b"{}") for kind in (ReplyFailed, ReplyCompleted)
    )
    await stores.inferences.add_results([failed], NOW, NOW + timedelta(days=1))
    await stores.inferences.add_results([completed], NOW + timedelta(seconds=1), NOW + timedelta(days=1))
    assert await stores.inferences.results([inference_id]) == [failed]

    said = settled(inference_id=inference_id, tenant_id=TENANT, event_id=new_id(), settlement="completed")
    await stores.books.book(fold([said]), NOW)
    assert await stores.inferences.results([inference_id]) == [completed]


@dataclass(frozen=True, slots=True)
class Step:
    verb: Verb
    key: int
    at_s: int
    stale_s: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(("claim", "known", "take_over", "published")),
        st.integers(0, 1),
        st.integers(0, 9),
        st.integers(0, 5),
    ),
    max_size=12,
)


@pytest.mark.real_postgres
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(STEPS)
async def test_memory_answers_as_postgresql_does(sql: Stores, steps: list[Step]) -> None:
    memory, keys = memory_stores(), (new_key("a"), new_key("b"))
    for step in steps:
        step_id = new_id()
        answers = [await _answer(stores, step, keys[step.key], step_id) for stores in (memory, sql)]
        assert answers[0] == answers[1]


async def _answer(stores: Stores, step: Step, key: IdempotencyKey, fresh: UUID) -> object:
    now = NOW + timedelta(seconds=step.at_s)
    match step.verb:
        case "claim":
            return await stores.keys.claim_key(key, fresh, now)
        case "known":
            return await stores.keys.known_key(key)
        case "take_over":
            return await stores.keys.take_over(key, now, now - timedelta(seconds=step.stale_s))
        case "published":
            await stores.keys.key_published(key, now)
            return None
