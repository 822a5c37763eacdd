"""Histories notice every ordering that is broken on purpose."""

import pytest

from tests.histories.generating import make
from tests.histories.invariants import violations
from tests.histories.mutants import MUTANTS, Mutant, in_force
from tests.histories.playing import play
from tests.histories.promises import SWEPT
from tests.histories.trying import broken_by


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_is_caught(mutant: Mutant) -> None:
    with in_force(mutant):
        broken = broken_by(mutant.seed, shrink=False)
    assert broken is not None, f"{mutant.what}, and the history of seed {mutant.seed} does not notice"
    assert mutant.invariant in {violation.invariant for violation in broken.violations}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_without_the_mutant_the_same_history_holds(mutant: Mutant) -> None:
    assert (broken := broken_by(mutant.seed)) is None, f"\n{broken}"


def test_what_a_living_router_drops_is_settled_and_answered_by_the_sweep() -> None:
    dropped = next(mutant for mutant in MUTANTS if mutant.name == "drop what is claimed")
    with in_force(dropped):
        found = violations(play(make(dropped.seed)))
    assert {violation.invariant for violation in found} == {SWEPT}
