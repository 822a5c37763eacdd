"""How far a batch is, what it costs, and what became of it."""

from datetime import UTC, datetime, timedelta

from services.console.views.batches import batch_of, life
from tests.unit.console.samples import BATCH, BEGUN_AT, ENDED, RUNNING

BEGUN = datetime.fromtimestamp(BEGUN_AT, UTC)
LATER = BEGUN + timedelta(minutes=10)


def test_of_one_that_goes_on_its_age_grows_and_its_cost_is_guessed_from_the_lines_that_ended() -> None:
    batch = batch_of(RUNNING, {BATCH: 1.5}, LATER)

    assert (batch.lines_ended, batch.done, batch.failed, batch.age_s, batch.ended) == (100, 45, 5, 600, False)
    assert (batch.cost_usd, batch.cost_of_all_usd) == (1.5, 3.0)
    assert batch.inferences == f"/inferences?session={BATCH}&from={BEGUN:%Y-%m-%dT%H}%3A{BEGUN:%M}%3A{BEGUN:%S}Z"


def test_one_that_has_ended_took_so_long_and_costs_no_more() -> None:
    batch = batch_of(ENDED, {}, LATER)

    assert (batch.age_s, batch.ended, batch.cost_usd, batch.cost_of_all_usd) == (90, True, None, None)


def test_an_empty_one_is_no_division_by_nothing() -> None:
    counts = {"total": 0, "completed": 0, "failed": 0}
    batch = batch_of(RUNNING | {"request_counts": counts}, {BATCH: 0.0}, LATER)

    assert (batch.done, batch.failed, batch.cost_of_all_usd) == (0, 0, None)


def test_a_life_tells_what_came_to_pass_in_its_order() -> None:
    begun, checked, ended = life(ENDED)

    assert begun.at < checked.at < ended.at
    assert (begun.what, ended.what) == ("accepted", "failed")
