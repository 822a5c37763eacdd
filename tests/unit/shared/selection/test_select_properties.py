"""Same input, same answer; never a candidate that cannot serve; every model accounted for, with a reason.

A question takes far longer to make up than to answer, so all that must hold is looked at in each of the answers.
"""

import random
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events import ModelHealthChanged, RoutingOptions
from shared.policies import POLICIES
from shared.registry import Capabilities, Model, Price, TenantModels
from shared.registry.terms import matches
from shared.selection import Needs, Selection, select
from tests.unit.shared.events.samples import NOW
from tests.unit.shared.selection.values import model, tenant

IDS = [f"custom:{name}" for name in "abc"] + [f"openai:{name}" for name in "abc"]
ABLE = st.none() | st.booleans()
PRICES = st.none() | st.builds(Price, input_per_mtok_usd=st.integers(0, 9), output_per_mtok_usd=st.integers(0, 9))
MODELS = st.builds(
    lambda model_id, **fields: model(id=model_id, **fields),
    st.sampled_from(IDS),
    is_active=st.booleans(),
    context_window=st.none() | st.integers(1, 100),
    capabilities=st.builds(Capabilities, streaming=ABLE, tools=ABLE, vision=ABLE),
    weight=st.none() | st.integers(0, 5),
    price=PRICES,
    key_required=st.booleans(),
    plain_api_key=st.none() | st.just("key"),
)
PATTERNS = st.lists(st.sampled_from(["*", "custom:*", "openai:*", "openai:a", "custom:b"]), max_size=2)
REGISTRIES = st.builds(
    lambda models, policy, allow, deny: tenant(*models, policy=policy, provider_allow=allow, provider_deny=deny),
    st.lists(MODELS, unique_by=lambda model: model.id),
    st.sampled_from(POLICIES),
    PATTERNS,
    PATTERNS,
)
OPTIONS = st.builds(
    RoutingOptions,
    policy=st.none() | st.sampled_from(POLICIES),
    no_fallback=st.booleans(),
    allow_inactive=st.booleans(),
    allowed_models=st.none() | PATTERNS.map(tuple),
)
NEEDS = st.builds(
    Needs,
    reference=st.none() | st.sampled_from([*IDS, "custom:unknown"]),
    prompt_tokens=st.integers(0, 60),
    answer_tokens=st.integers(0, 60),
    streaming=st.booleans(),
    tools=st.booleans(),
    vision=st.booleans(),
    options=OPTIONS,
    split_by=st.binary(max_size=16),
)
HEALTH = st.dictionaries(
    st.sampled_from(IDS),
    st.builds(
        ModelHealthChanged,
        tenant_id=st.just("acme"),
        model=st.just("m"),
        status=st.sampled_from(["healthy", "degraded", "unhealthy"]),
        p50_s=st.none() | st.floats(0, 60),
        changed_at=st.just(NOW),
    ),
)


@settings(max_examples=200)
@given(NEEDS, REGISTRIES, HEALTH)
def test_what_holds_for_every_selection(
    needs: Needs, models: TenantModels, health: dict[str, ModelHealthChanged]
) -> None:
    selection = select(needs, models, health)
    the_same_question_has_the_same_answer(needs, models, health)
    every_model_is_accounted_for_exactly_once_and_with_a_reason(selection, needs, models)
    no_candidate_is_one_that_cannot_serve(selection, needs, models)
    the_candidates_are_the_chosen_ones_in_their_order(selection)
    a_named_model_that_can_serve_is_the_first(selection, needs)
    without_fallback_there_is_at_most_one_candidate_and_no_stand_in(selection, needs)
    kinds_are_not_mixed_unless_price_or_speed_decides(selection, needs, models)
    a_healthy_model_is_never_behind_an_unhealthy_one_of_its_kind(selection, needs, health)
    the_reason_for_none_names_every_model(selection, needs)


def the_same_question_has_the_same_answer(
    needs: Needs, models: TenantModels, health: dict[str, ModelHealthChanged]
) -> None:
    shuffled = list(health.items())
    random.Random(1).shuffle(shuffled)
    assert select(needs, models, health) == select(needs, models, dict(shuffled))


def every_model_is_accounted_for_exactly_once_and_with_a_reason(
    selection: Selection, needs: Needs, models: TenantModels
) -> None:
    known = [model.id for model in (*models.custom.values(), *models.provider.values())]
    named_unknown = [needs.reference] if needs.reference and models.get(needs.reference) is None else []
    assert sorted(considered.model for considered in selection.considered) == sorted(known + named_unknown)
    assert all(considered.reason for considered in selection.considered)


def no_candidate_is_one_that_cannot_serve(selection: Selection, needs: Needs, models: TenantModels) -> None:
    for candidate in models_of(selection):
        named = candidate.id == needs.reference
        assert candidate.is_active or (named and needs.options.allow_inactive)
        assert candidate.context_window is None or needs.tokens <= candidate.context_window
        assert not (needs.streaming and candidate.capabilities.streaming is False)
        assert not (needs.tools and candidate.capabilities.tools is False)
        assert not (needs.vision and candidate.capabilities.vision is False)
        assert not candidate.lacks_key
        assert needs.options.allowed_models is None or matches(needs.options.allowed_models, candidate.id)
        assert candidate.is_custom or models.terms.allows_provider_model(candidate.id)


def the_candidates_are_the_chosen_ones_in_their_order(selection: Selection) -> None:
    chosen = [(considered.model, considered.reason) for considered in selection.considered if considered.chosen]
    assert [(candidate.model.id, candidate.reason) for candidate in selection.candidates] == chosen
    assert set(selection.objections) == {
        considered.model for considered in selection.considered if not considered.chosen
    }


def a_named_model_that_can_serve_is_the_first(selection: Selection, needs: Needs) -> None:
    candidates = [model.id for model in models_of(selection)]
    assert needs.reference not in candidates or candidates[0] == needs.reference


def without_fallback_there_is_at_most_one_candidate_and_no_stand_in(selection: Selection, needs: Needs) -> None:
    if needs.options.no_fallback:
        assert len(selection.candidates) <= 1
        assert needs.reference is None or all(model.id == needs.reference for model in models_of(selection))


def kinds_are_not_mixed_unless_price_or_speed_decides(selection: Selection, needs: Needs, models: TenantModels) -> None:
    policy = needs.options.policy or models.terms.policy
    kinds = [model.is_custom for model in models_of(selection) if model.id != needs.reference]
    if policy == "custom_first":
        assert kinds == sorted(kinds, reverse=True)
    if policy == "provider_first":
        assert kinds == sorted(kinds)
    if policy == "custom_only":
        assert all(kinds)


def a_healthy_model_is_never_behind_an_unhealthy_one_of_its_kind(
    selection: Selection, needs: Needs, health: Mapping[str, ModelHealthChanged]
) -> None:
    for kind in (True, False):
        unwell = [
            model.id in health and health[model.id].status == "unhealthy"
            for model in models_of(selection)
            if model.is_custom is kind and model.id != needs.reference
        ]
        assert unwell == sorted(unwell)


def the_reason_for_none_names_every_model(selection: Selection, needs: Needs) -> None:
    failure = selection.why_none(needs)
    assert failure.tips
    for considered in selection.considered:
        assert considered.chosen or f"{considered.model}: {considered.reason}" in failure.detail


def models_of(selection: Selection) -> list[Model]:
    return [candidate.model for candidate in selection.candidates]
