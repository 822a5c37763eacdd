"""Same input, same answer; never a candidate that cannot serve; every model accounted for, with a reason."""

import random

from hypothesis import given
from hypothesis import strategies as st

from shared.events import ModelHealthChanged, RoutingOptions
from shared.policies import POLICIES
from shared.registry import Capabilities, Model, Price, TenantModels
from shared.registry.terms import matches
from shared.selection import Needs, select
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
    st.lists(MODELS, unique_by=lambda one: one.id),
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
question = given(NEEDS, REGISTRIES, HEALTH)


def everything(models: TenantModels) -> list[Model]:
    return [*models.custom.values(), *models.provider.values()]


@question
def test_the_same_question_has_the_same_answer(
    needs: Needs, models: TenantModels, health: dict[str, ModelHealthChanged]
) -> None:
    shuffled = list(health.items())
    random.Random(1).shuffle(shuffled)
    assert select(needs, models, health) == select(needs, models, dict(shuffled))


@question
def test_every_model_is_accounted_for_exactly_once_and_with_a_reason(
    needs: Needs, models: TenantModels, health: dict[str, ModelHealthChanged]
) -> None:
    considered = select(needs, models, health).considered
    named_unknown = [needs.reference] if needs.reference and models.get(needs.reference) is None else []
    assert sorted(one.model for one in considered) == sorted([one.id for one in everything(models)] + named_unknown)
    assert all(one.reason for one in considered)


@question
def test_no_candidate_is_one_that_cannot_serve(
    needs: Needs, models: TenantModels, health: dict[str, ModelHealthChanged]
) -> None:
    for one in (candidate.model for candidate in select(needs, models, health).candidates):
        named = one.id == needs.reference
        assert one.is_active or (named and needs.options.allow_inactive)
        assert one.context_window is None or needs.tokens <= one.context_window
        assert not (needs.streaming and one.capabilities.streaming is False)
        assert not (needs.tools and one.capabilities.tools is False)
        assert not (needs.vision and one.capabilities.vision is False)
        assert not one.lacks_key
        assert needs.options.allowed_models is None or matches(needs.options.allowed_models, one.id)
        assert one.is_custom or models.terms.allows_provider_model(one.id)


@question
def test_the_candidates_are_the_chosen_ones_in_their_order(
    needs: Needs, models: TenantModels, health: dict[str, ModelHealthChanged]
) -> None:
    selection = select(needs, models, health)
    chosen = [(one.model, one.reason) for one in selection.considered if one.chosen]
    assert [(one.model.id, one.reason) for one in selection.candidates] == chosen
    assert set(selection.objections) == {one.model for one in selection.considered if not one.chosen}


@question
def test_a_named_model_that_can_serve_is_the_first(
    needs: Needs, models: TenantModels, health: dict[str, ModelHealthChanged]
) -> None:
    candidates = [one.model.id for one in select(needs, models, health).candidates]
    assert needs.reference not in candidates or candidates[0] == needs.reference


@question
def test_without_fallback_there_is_at_most_one_candidate_and_no_stand_in(
    needs: Needs, models: TenantModels, health: dict[str, ModelHealthChanged]
) -> None:
    if needs.options.no_fallback:
        candidates = select(needs, models, health).candidates
        assert len(candidates) <= 1
        assert needs.reference is None or all(one.model.id == needs.reference for one in candidates)


@question
def test_kinds_are_not_mixed_unless_price_or_speed_decides(
    needs: Needs, models: TenantModels, health: dict[str, ModelHealthChanged]
) -> None:
    policy = needs.options.policy or models.terms.policy
    kinds = [one.model.is_custom for one in select(needs, models, health).candidates if one.model.id != needs.reference]
    if policy == "custom_first":
        assert kinds == sorted(kinds, reverse=True)
    if policy == "provider_first":
        assert kinds == sorted(kinds)
    if policy == "custom_only":
        assert all(kinds)


@question
def test_a_healthy_model_is_never_behind_an_unhealthy_one_of_its_kind(
    needs: Needs, models: TenantModels, health: dict[str, ModelHealthChanged]
) -> None:
    for kind in (True, False):
        unwell = [
            one.model.id in health and health[one.model.id].status == "unhealthy"
            for one in select(needs, models, health).candidates
            if one.model.is_custom is kind and one.model.id != needs.reference
        ]
        assert unwell == sorted(unwell)


@question
def test_the_reason_for_none_names_every_model(
    needs: Needs, models: TenantModels, health: dict[str, ModelHealthChanged]
) -> None:
    selection = select(needs, models, health)
    told = selection.why_none(needs)
    assert told.tips
    for one in selection.considered:
        assert one.chosen or f"{one.model}: {one.reason}" in told.detail
