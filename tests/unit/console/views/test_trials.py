"""What is told of a model on trial, and of one whose requests are copied."""

from services.console.views.trials import trials
from tests.unit.console.samples import HOSTILE, SHADOWS

TERMS = {"model": HOSTILE, "share": 0.05}


def test_both_models_of_a_pair_are_told_of_it_and_others_are_not() -> None:
    on_trial, copied = trials(HOSTILE, TERMS, SHADOWS), trials("custom:north-8b", TERMS, SHADOWS)

    assert on_trial is not None
    assert copied is not None
    assert (on_trial.share, copied.share) == (0.05, None)
    assert [(side.model, side.copies) for side in on_trial.sides] == [("custom:north-8b", False), (HOSTILE, True)]
    assert copied.sides == on_trial.sides
    assert trials("custom:ill", TERMS, SHADOWS) is None


def test_one_of_which_no_copy_has_ended_is_on_trial_all_the_same() -> None:
    found = trials(HOSTILE, TERMS, None)

    assert found is not None
    assert (found.share, found.sides) == (0.05, [])
