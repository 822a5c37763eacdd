import pytest

from tests.chaos.evidence import HOSTILE, Note
from tests.chaos.fairness import percentile, waits
from tests.chaos.faults import Kind
from tests.unit.chaos.values import evidence, note, struck


def calm(kind: Kind, target: str, began_s: float, ended_s: float, *notes: Note) -> list[float]:
    return list(waits(evidence(struck=[struck(kind, target, began_s, ended_s)], notes=list(notes))).calm)


BEFORE, MEANWHILE, SOON_AFTER, LATER = (
    note(number, set(), 200, took_s=float(number)) for number in (1, 12, 22, 40)
)  # fmt: skip
ALL = (BEFORE, MEANWHILE, SOON_AFTER, LATER)


@pytest.mark.parametrize("target", ["gateway", "router-0", "kafka", "postgres"])
def test_what_hits_everybody_and_its_aftermath_do_not_count(target: str) -> None:
    assert calm("freeze", target, 10, 20, *ALL) == [1.0, 40.0]


def test_a_fault_of_a_monitor_is_no_excuse() -> None:
    assert calm("freeze", "monitor", 10, 20, *ALL) == [1.0, 12.0, 22.0, 40.0]


def test_while_a_monitor_is_frozen_only_the_death_of_its_router_counts() -> None:
    assert calm("freeze_holder", "router-0", 2, 60, *ALL) == [22.0, 40.0]


def test_only_an_honest_tenant_and_the_model_that_answers_at_once_count() -> None:
    others = (note(1, set(), 200, asker=HOSTILE), note(2, set(), 200, model="custom:after-3000"), note(3, set(), None))
    assert waits(evidence(notes=list(others))) == ([], [])


def test_percentiles_of_few_values() -> None:
    assert (percentile([], 99), percentile([2.0], 50)) == (0.0, 2.0)
    assert percentile([float(value) for value in range(101)], 99) == 99.0
