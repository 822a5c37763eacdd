from hypothesis import given
from hypothesis import strategies as st

from services.router.selection import Needs, select
from shared.events import RoutingOptions
from shared.registry import Model, TenantModels
from tests.unit.router.values import model, tenant

IDS = [f"custom:{name}" for name in "abc"] + [f"openai:{name}" for name in "abc"]
MODELS = st.builds(
    lambda model_id, is_active, context_window: model(
        id=model_id, is_active=is_active, context_window=context_window
    ),
    st.sampled_from(IDS),
    st.booleans(),
    st.none() | st.integers(1, 100),
)  # fmt: skip
REGISTRIES = st.lists(MODELS, unique_by=lambda one: one.id).map(lambda models: tenant(*models))
OPTIONS = st.builds(RoutingOptions, no_fallback=st.booleans(), allow_inactive=st.booleans())
NEEDS = st.builds(Needs, st.none() | st.sampled_from([*IDS, "custom:unknown"]), st.integers(0, 120), OPTIONS)
AUTO = st.builds(Needs, st.none(), st.integers(0, 120), OPTIONS)


def everything(models: TenantModels) -> list[Model]:
    return [*models.custom.values(), *models.provider.values()]


@given(NEEDS, REGISTRIES)
def test_the_same_question_has_the_same_answer(needs: Needs, models: TenantModels) -> None:
    assert select(needs, models) == select(needs, models)


@given(AUTO, REGISTRIES)
def test_auto_accounts_for_every_model_exactly_once(needs: Needs, models: TenantModels) -> None:
    assert [one.model for one in select(needs, models).considered] == [one.id for one in everything(models)]


@given(NEEDS, REGISTRIES)
def test_no_model_is_considered_twice(needs: Needs, models: TenantModels) -> None:
    considered = [one.model for one in select(needs, models).considered]
    assert len(considered) == len(set(considered))


@given(NEEDS, REGISTRIES)
def test_the_candidates_are_the_chosen_ones_in_their_order(needs: Needs, models: TenantModels) -> None:
    selection = select(needs, models)
    chosen = [(one.model, one.reason) for one in selection.considered if one.chosen]
    assert [(one.model.id, one.reason) for one in selection.candidates] == chosen


@given(NEEDS, REGISTRIES)
def test_an_inactive_model_is_called_only_when_named_and_allowed(needs: Needs, models: TenantModels) -> None:
    for one in select(needs, models).candidates:
        named_and_allowed = one.model.id == needs.reference and needs.options.allow_inactive
        assert one.model.is_active or named_and_allowed


@given(NEEDS, REGISTRIES)
def test_a_named_model_that_can_be_called_is_the_first(needs: Needs, models: TenantModels) -> None:
    named = models.get(needs.reference) if needs.reference else None
    if named is not None and (named.is_active or needs.options.allow_inactive):
        assert select(needs, models).candidates[0].model is named


@given(NEEDS, REGISTRIES)
def test_without_fallback_there_is_at_most_one_candidate_and_no_stand_in(needs: Needs, models: TenantModels) -> None:
    if needs.options.no_fallback:
        candidates = select(needs, models).candidates
        assert len(candidates) <= 1
        assert needs.reference is None or all(one.model.id == needs.reference for one in candidates)


@given(NEEDS, REGISTRIES)
def test_nobody_is_sent_more_than_fits_unless_named(needs: Needs, models: TenantModels) -> None:
    for one in select(needs, models).candidates:
        window = one.model.context_window
        assert one.model.id == needs.reference or window is None or needs.tokens <= window


@given(AUTO, REGISTRIES)
def test_custom_models_come_before_provider_models(needs: Needs, models: TenantModels) -> None:
    kinds = [one.model.is_custom for one in select(needs, models).candidates]
    assert kinds == sorted(kinds, reverse=True)


@given(NEEDS, REGISTRIES)
def test_who_was_passed_over_is_told_why_none_could_serve(needs: Needs, models: TenantModels) -> None:
    selection = select(needs, models)
    for one in selection.considered:
        assert one.reason
        assert one.chosen or f"{one.model}: {one.reason}" in selection.why_none
