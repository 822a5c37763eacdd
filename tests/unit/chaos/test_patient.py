from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.model_server.behaviours import UNKNOWN_MODEL, behaviour_of
from tests.chaos.evidence import PATIENT, BookedInference, Evidence
from tests.chaos.patient.mix import LINES, MODELS, amounts, asked, batch, record
from tests.chaos.patient.words import BatchLine, BatchSeen, Begun, LastWord, Ordered, Published, Reply, Told, Words
from tests.chaos.promises import judged
from tests.unit.chaos.values import at, attempt, evidence, struck

DONE, FAILED = LastWord(completed=True), LastWord(completed=False)
BATCH = BatchSeen(
    "batch_1", 0, "session", "", [BatchLine("a", "inference-2", DONE), BatchLine("b", "inference-3", FAILED)]
)
REPLY = Reply("inference-4", "reply-4", DONE, at(4))
TOLD = [
    Told(f"event-{n}", subject, ending, signed=True, taken=True)
    for n, (subject, ending) in enumerate(
        [("inference-1", "completed"), ("inference-2", "completed"), ("inference-3", "failed"),
         ("inference-4", "completed"), ("batch_1", "completed")]
    )
]  # fmt: skip
WORDS = Words(
    begun=[Begun(0, "text", {"inference-1"}, accepted=True, word=DONE)],
    ordered=[Ordered(0, ["a", "b"], taken=True)],
    batches=[BATCH],
    published=[Published("inference-4", "text", acked=True)],
    replies=[REPLY],
    told=TOLD,
)


def good() -> Evidence:
    """One inference in the background, two lines of a batch of which one failed, and one from upstream."""
    seen = evidence(*(attempt(n, n, n) for n in (1, 2, 3, 4)), notes=[], patient=WORDS)
    return replace(seen, inferences=[_booked(n) for n in (1, 2, 3, 4)])


def _booked(number: int) -> BookedInference:
    settlement, session = "failed" if number == 3 else "completed", "session" if number in (2, 3) else None
    return BookedInference(f"inference-{number}", settlement, at(10), at(number), PATIENT, session)


def broken(words: Words, **more: Any) -> list[str]:
    return [promise.name for promise in judged(replace(good(), patient=words, **more), 0) if not promise.kept]


def test_good_words_keep_every_promise() -> None:
    assert broken(WORDS) == []


BEGUN = "what is begun in the background has its result"
BATCHES = "every batch ends with one line for each of its own"
LINES_ONCE = "a line of a batch is one inference"
ENDS = "every end is told by webhook, signed, under one id"
UPSTREAM = "upstream is answered once, on its own topic"
ANOTHERS = LastWord(completed=True, its_own=False)


def _batch(**more: Any) -> dict[str, Any]:
    return {"batches": [replace(BATCH, **more)]}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"begun": [*WORDS.begun, Begun(1, "text", troubles=["503"])]}, BEGUN),
        ({"begun": [Begun(0, "text", {"inference-1"}, accepted=True)]}, BEGUN),
        ({"begun": [Begun(0, "text", {"inference-1", "inference-2"}, accepted=True, word=DONE)]}, BEGUN),
        ({"begun": [Begun(0, "text", {"inference-1"}, accepted=True, word=FAILED)]}, BEGUN),
        ({"begun": [Begun(0, "text", {"inference-1"}, accepted=True, word=ANOTHERS)]}, BEGUN),
        ({"ordered": [*WORDS.ordered, Ordered(1, [], taken=True)]}, BATCHES),
        (_batch(wrong="it is in_progress"), BATCHES),
        ({"ordered": [Ordered(0, ["a", "b", "c"], taken=True)]}, BATCHES),
        ({"ordered": [Ordered(0, ["a"], taken=True)]}, BATCHES),
        (_batch(lines=[*BATCH.lines, BatchLine("a", "inference-2", DONE)]), BATCHES),
        (_batch(lines=[BATCH.lines[0], BatchLine("b", None, FAILED)]), LINES_ONCE),
        (_batch(lines=[BATCH.lines[0], BatchLine("b", "inference-2", FAILED)]), LINES_ONCE),
        (_batch(lines=[BATCH.lines[0], BatchLine("b", "inference-3", DONE)]), LINES_ONCE),
        ({"told": TOLD[1:]}, ENDS),
        ({"told": TOLD[:-1]}, ENDS),
        ({"told": [TOLD[0]._replace(taken=False), *TOLD[1:]]}, ENDS),
        ({"told": [*TOLD, TOLD[0]._replace(signed=False)]}, ENDS),
        ({"told": [*TOLD, TOLD[0]._replace(event_id="event-9")]}, ENDS),
        ({"told": [*TOLD, TOLD[0]._replace(subject="inference-2")]}, ENDS),
        ({"told": [TOLD[0]._replace(ending="failed"), *TOLD[1:]]}, ENDS),
        ({"replies": []}, UPSTREAM),
        ({"published": [*WORDS.published, Published("inference-9", "text", acked=False)]}, UPSTREAM),
        ({"replies": [REPLY._replace(word=FAILED)]}, UPSTREAM),
        ({"replies": [REPLY, REPLY._replace(at=at(9))]}, UPSTREAM),
    ],
)
def test_one_violation_breaks_its_promise(change: dict[str, Any], name: str) -> None:
    assert name in broken(replace(WORDS, **change))


def test_an_answer_is_told_again_only_around_a_fault_and_then_the_same() -> None:
    again = replace(WORDS, replies=[REPLY, REPLY._replace(at=at(9))])
    other = replace(WORDS, replies=[REPLY, REPLY._replace(at=at(9), event_id="another")])
    killed = [struck("kill", "gateway", 5)]
    assert broken(again, struck=killed) == []
    assert broken(other, struck=killed) == [UPSTREAM]
    assert broken(again, struck=[struck("kill", "monitor", 5)]) == [UPSTREAM]


def test_what_was_refused_at_first_and_what_was_told_twice_is_as_promised() -> None:
    refused = TOLD[0]._replace(taken=False)
    assert broken(replace(WORDS, told=[refused, *TOLD, TOLD[0]])) == []


def test_an_inference_of_a_batch_that_no_line_names_was_asked_for_twice() -> None:
    more = [*good().inferences, replace(_booked(2), inference_id="inference-9")]
    assert LINES_ONCE in broken(WORDS, inferences=more)


# What is asked


@given(st.integers(0, 2**32), st.integers(0, 10_000))
def test_the_same_request_of_a_seed_is_the_same(seed: int, number: int) -> None:
    drawn: tuple[Callable[[], object], ...] = (
        lambda: asked(seed, "background", number), lambda: batch(seed, number), lambda: record(seed, number)
    )  # fmt: skip
    assert all(draw() == draw() for draw in drawn)


def test_the_shares_are_percent_and_the_model_server_knows_them_all() -> None:
    assert sum(model.share for model in MODELS) == 100
    assert all(behaviour_of(model.behaviour) != UNKNOWN_MODEL for model in MODELS)


def test_a_third_is_asked_each_way_and_no_two_share_their_text_or_key() -> None:
    found = amounts(1250)
    background = [asked(1, "background", n) for n in range(found.background)]
    lines = [ask for n in range(found.batches) for ask in batch(1, n)]
    records = [record(1, n) for n in range(found.records)]
    published = [ask for one in records for ask in one.asks]
    assert all(abs(len(asks) - 1250 / 3) <= LINES for asks in (background, lines, published))
    assert {len(one.asks) for one in records} == {1, 5}
    assert {one.times for one in records} == {1, 2}
    everything = [*background, *lines, *published]
    assert len({one.text for one in everything}) == len({one.key for one in everything}) == len(everything)
