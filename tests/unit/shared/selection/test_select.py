from dataclasses import replace
from typing import Any

import pytest

from shared.errors import CATALOGUE
from shared.registry import Capabilities, Model, Price
from shared.registry.prices import model_facts
from shared.selection import Selection, select
from tests.unit.shared.selection.values import health, model, needs, tenant

FIRST, SECOND = model(id="custom:first"), model(id="custom:second")
OFF, SMALL = model(id="custom:off", is_active=False), model(id="custom:small", context_window=100)
LARGE, CHEAP = model(id="openai:large"), model(id="openai:cheap")
DRAFT = model(id="custom:draft", is_active=False, is_draft=True)
KEYLESS = model(id="x:m", provider_name="x", key_required=True)
KEY_TIP = "Store one: tallygate providers set-key x (PUT /api/providers/x/key)"


def tried(selection: Selection) -> list[tuple[str, str]]:
    return [(one.model.id, one.reason) for one in selection.candidates]


def order(selection: Selection) -> list[str]:
    return [one.model.id for one in selection.candidates]


def passed_over(selection: Selection) -> list[tuple[str, str]]:
    return [(one.model, one.reason) for one in selection.considered if not one.chosen]


def test_auto_tries_the_tenants_models_oldest_first_and_then_provider_models() -> None:
    assert tried(select(needs(), tenant(FIRST, SECOND, LARGE, CHEAP))) == [
        ("custom:first", "the tenant's own model"),
        ("custom:second", "the tenant's own model"),
        ("openai:large", "provider model, as fallback"),
        ("openai:cheap", "provider model, as fallback"),
    ]


def test_without_custom_models_provider_models_are_no_fallback() -> None:
    assert tried(select(needs(), tenant(LARGE))) == [("openai:large", "provider model")]


def test_the_named_model_is_first_and_other_custom_models_are_not_tried() -> None:
    selection = select(needs("custom:second"), tenant(FIRST, SECOND, LARGE))
    assert tried(selection) == [
        ("custom:second", "named by the request"),
        ("openai:large", "provider model, as fallback"),
    ]
    assert passed_over(selection) == [("custom:first", "another model was named")]


def test_a_named_provider_model_is_tried_once() -> None:
    assert tried(select(needs("openai:cheap"), tenant(FIRST, LARGE, CHEAP))) == [
        ("openai:cheap", "named by the request"),
        ("openai:large", "provider model, as fallback"),
    ]


def test_a_model_that_was_never_registered_is_accounted_for() -> None:
    selection = select(needs("custom:gone"), tenant(LARGE))
    assert passed_over(selection) == [("custom:gone", "there is no such model here")]
    assert order(selection) == ["openai:large"]


@pytest.mark.parametrize("reference", [None, "custom:off"])
def test_what_is_not_active_is_passed_over(reference: str | None) -> None:
    selection = select(needs(reference), tenant(OFF, LARGE))
    assert passed_over(selection) == [("custom:off", "not active")]
    assert [one.model for one in selection.candidates] == [LARGE]


def test_a_connection_test_calls_an_inactive_model() -> None:
    selection = select(needs("custom:off", allow_inactive=True, no_fallback=True), tenant(OFF, LARGE))
    assert tried(selection) == [("custom:off", "named by the request")]


def test_a_draft_is_seen_by_its_own_test_only() -> None:
    assert order(select(needs("custom:draft", allow_inactive=True), tenant(DRAFT))) == ["custom:draft"]
    assert select(needs(allow_inactive=True), tenant(DRAFT, LARGE)).considered[0].model == "openai:large"
    named = needs("custom:draft")
    assert select(named, tenant(DRAFT)).why_none(named) == select(named, tenant()).why_none(named)


def test_allowing_inactive_models_is_for_the_named_one_only() -> None:
    selection = select(needs("custom:first", allow_inactive=True), tenant(FIRST, model(id="openai:x", is_active=False)))
    assert tried(selection) == [("custom:first", "named by the request")]


def test_allowing_inactive_models_means_nothing_for_auto() -> None:
    assert select(needs(allow_inactive=True), tenant(OFF)).candidates == ()


def test_without_fallback_only_the_named_model_is_tried() -> None:
    selection = select(needs("custom:first", no_fallback=True), tenant(FIRST, LARGE))
    assert tried(selection) == [("custom:first", "named by the request")]
    assert passed_over(selection) == [("openai:large", "fallback was ruled out by the request")]


def test_without_fallback_auto_tries_one_model() -> None:
    assert tried(select(needs(no_fallback=True), tenant(OFF, FIRST, LARGE))) == [
        ("custom:first", "the tenant's own model")
    ]


@pytest.mark.parametrize("reference", ["custom:off", "custom:unknown"])
def test_without_fallback_nothing_stands_in_for_a_named_model_that_cannot_be_called(reference: str) -> None:
    selection = select(needs(reference, no_fallback=True), tenant(OFF, FIRST, LARGE))
    assert selection.candidates == ()
    assert ("openai:large", "fallback was ruled out by the request") in passed_over(selection)


@pytest.mark.parametrize("reference", [None, "custom:small"])
def test_a_request_that_is_too_long_for_a_model_passes_it_over(reference: str | None) -> None:
    selection = select(needs(reference, tokens=101), tenant(SMALL, LARGE))
    assert passed_over(selection) == [("custom:small", "about 101 tokens are needed, its context window is 100")]


def test_a_request_that_just_fits_is_tried() -> None:
    assert select(needs(tokens=100), tenant(SMALL)).candidates[0].model is SMALL


@pytest.mark.parametrize(
    ("asked", "capabilities", "reason"),
    [
        ("streaming", Capabilities(streaming=False), "it cannot stream"),
        ("tools", Capabilities(tools=False), "it cannot call tools"),
        ("vision", Capabilities(vision=False), "it cannot see images"),
    ],
)
def test_a_model_that_cannot_do_what_is_asked_is_passed_over(
    asked: str, capabilities: Capabilities, reason: str
) -> None:
    unable = model(id="custom:unable", capabilities=capabilities)
    wanted: dict[str, Any] = {asked: True}
    able = replace(needs(), **wanted)
    assert passed_over(select(able, tenant(unable, LARGE))) == [("custom:unable", reason)]
    assert order(select(needs(), tenant(unable, LARGE))) == ["custom:unable", "openai:large"]


def test_who_asked_a_model_for_a_stream_that_it_cannot_give_is_told_to_ask_without() -> None:
    unable = model(id="custom:unable", capabilities=Capabilities(streaming=False))
    asked = replace(needs("custom:unable"), streaming=True)
    assert "--no-stream" in select(asked, tenant(unable)).why_none(asked).tips[0]


def test_a_model_for_no_task_of_ours_is_passed_over() -> None:
    idle = model(id="custom:idle", capabilities=Capabilities(tasks=()))
    assert passed_over(select(needs(), tenant(idle))) == [("custom:idle", "it cannot be used for chat")]


def test_what_the_plan_does_not_allow_is_passed_over() -> None:
    selection = select(needs(), tenant(FIRST, LARGE, CHEAP, provider_deny=["openai:large"]))
    assert passed_over(selection) == [("openai:large", "the tenant's plan does not allow it")]
    assert order(select(needs(), tenant(FIRST, LARGE, provider_allow=[]))) == ["custom:first"]


def test_what_the_key_may_not_use_is_passed_over() -> None:
    selection = select(needs(allowed_models=("custom:f*",)), tenant(FIRST, SECOND, LARGE))
    assert order(selection) == ["custom:first"]
    assert passed_over(selection) == [
        ("custom:second", "the API key may not use it"),
        ("openai:large", "the API key may not use it"),
    ]


def test_a_provider_without_a_key_is_passed_over() -> None:
    keyless = model(id="openai:x", key_required=True)
    assert passed_over(select(needs(), tenant(keyless))) == [("openai:x", "no key of openai is stored")]
    assert order(select(needs(), tenant(keyless.model_copy(update={"plain_api_key": "k"})))) == ["openai:x"]


# Order


def test_unhealthy_models_come_last_among_their_kind() -> None:
    selection = select(needs(), tenant(FIRST, SECOND, LARGE), health("custom:first", "unhealthy"))
    assert tried(selection) == [
        ("custom:second", "the tenant's own model"),
        ("custom:first", "the tenant's own model; unhealthy: 9 of 9 calls failed"),
        ("openai:large", "provider model, as fallback"),
    ]


def test_a_named_model_is_tried_whatever_its_health() -> None:
    assert order(select(needs("custom:first"), tenant(FIRST), health("custom:first", "unhealthy"))) == ["custom:first"]


def test_provider_first() -> None:
    selection = select(needs(policy="provider_first"), tenant(FIRST, LARGE))
    assert tried(selection) == [("openai:large", "provider model"), ("custom:first", "the tenant's own model")]


def test_custom_only() -> None:
    selection = select(needs(policy="custom_only"), tenant(FIRST, LARGE))
    assert order(selection) == ["custom:first"]
    assert passed_over(selection) == [("openai:large", "the policy custom_only leaves provider models out")]


def test_the_tenants_policy_holds_until_the_request_says_otherwise() -> None:
    models = tenant(FIRST, LARGE, policy="provider_first")
    assert order(select(needs(), models)) == ["openai:large", "custom:first"]
    assert order(select(needs(policy="custom_first"), models)) == ["custom:first", "openai:large"]


def test_cheapest_first_and_unknown_prices_last() -> None:
    dear = model(id="custom:dear", price=Price(input_per_mtok_usd=10, output_per_mtok_usd=10))
    cheap = model(id="openai:cheap", price=Price(input_per_mtok_usd=1, output_per_mtok_usd=1))
    selection = select(needs(policy="cheapest"), tenant(FIRST, dear, cheap))
    assert tried(selection) == [
        ("openai:cheap", "provider model; about $0.000510 for this request"),
        ("custom:dear", "the tenant's own model; about $0.005100 for this request"),
        ("custom:first", "the tenant's own model; its price is not known"),
    ]


def test_the_cheapest_is_the_cheapest_for_a_prompt_of_this_length() -> None:
    gemini = model(id="google:gemini", price=model_facts("google", "gemini-2.5-pro").price)
    flat = model(id="openai:flat", price=Price(input_per_mtok_usd=1.5, output_per_mtok_usd=12))
    models = tenant(gemini, flat)
    short, long = (replace(needs(tokens=n, policy="cheapest"), answer_tokens=2_000) for n in (1_000, 300_000))
    assert order(select(short, models)) == ["google:gemini", "openai:flat"]
    assert tried(select(long, models)) == [
        ("openai:flat", "provider model; about $0.474000 for this request"),
        ("google:gemini", "provider model; about $0.780000 for this request"),
    ]


def test_fastest_first_after_those_whose_speed_a_call_will_tell() -> None:
    known = health("custom:second", p50_s=2.0) | health("openai:large", p50_s=0.5)
    selection = select(needs(policy="fastest"), tenant(FIRST, SECOND, LARGE), known)
    assert tried(selection) == [
        ("custom:first", "the tenant's own model; its speed is not known"),
        ("openai:large", "provider model; answers in 0.50 s at the median"),
        ("custom:second", "the tenant's own model; answers in 2.00 s at the median"),
    ]


def test_weights_split_the_traffic_by_the_requests_id() -> None:
    one, three = model(id="custom:one", weight=1), model(id="custom:three", weight=3)
    firsts = [
        order(select(needs(split_by=number.to_bytes(16)), tenant(one, three)))[0] for number in range(4000)
    ]  # fmt: skip
    assert 0.72 < firsts.count("custom:three") / len(firsts) < 0.78


def test_models_without_a_weight_come_after_those_that_share_the_traffic() -> None:
    spare, off = model(id="custom:spare"), model(id="custom:off", weight=0)
    assert tried(select(needs(), tenant(spare, off, model(id="custom:main", weight=5), LARGE))) == [
        ("custom:main", "the tenant's own model; weight 5 of 5"),
        ("custom:spare", "the tenant's own model; weight 0 of 5"),
        ("custom:off", "the tenant's own model; weight 0 of 5"),
        ("openai:large", "provider model, as fallback"),
    ]


# What a caller is told for whom there is none


def test_with_no_candidate_every_reason_is_told() -> None:
    asked = needs(tokens=101)
    refusal = select(asked, tenant(OFF, SMALL)).why_none(asked)
    assert refusal.error_type == "no_model_available"
    assert refusal.detail == (
        "custom:off: not active; custom:small: about 101 tokens are needed, its context window is 100"
    )


@pytest.mark.parametrize(
    ("reference", "models", "tips"),
    [
        ("custom:off", [OFF, KEYLESS], ["Activate it: tallygate models activate custom:off"]),
        ("x:m", [OFF, KEYLESS], [KEY_TIP]),
        (None, [OFF], ["Activate it: tallygate models activate custom:off"]),
        (None, [KEYLESS, KEYLESS.model_copy(update={"id": "x:n"})], [KEY_TIP]),
        (None, [OFF, KEYLESS], list(CATALOGUE["no_model_available"].tips)),
    ],
)
def test_the_advice_is_that_for_the_named_model_or_on_which_all_agree(
    reference: str | None, models: list[Model], tips: list[str]
) -> None:
    asked = needs(reference)
    refusal = select(asked, tenant(*models)).why_none(asked)
    assert (refusal.error_type, refusal.http_status, list(refusal.tips)) == ("no_model_available", 404, tips)


def test_with_no_model_at_all_that_is_told() -> None:
    refusal = select(needs(), tenant()).why_none(needs())
    assert (refusal.error_type, refusal.detail) == (
        "no_model_available",
        "no model is registered and no provider is configured",
    )


def test_a_request_that_is_too_long_for_every_model_is_told_so() -> None:
    asked = needs(tokens=101)
    assert select(asked, tenant(SMALL)).why_none(asked).error_type == "context_length_exceeded"


@pytest.mark.parametrize(
    ("reference", "terms", "allowed", "error_type", "status"),
    [
        ("openai:large", {"provider_allow": []}, None, "provider_not_allowed", 403),
        ("openai:large", {}, ("custom:*",), "permission_denied", 403),
        ("custom:gone", {}, None, "model_not_found", 404),
    ],
)
def test_the_named_models_objection_is_told(
    reference: str, terms: dict[str, object], allowed: tuple[str, ...] | None, error_type: str, status: int
) -> None:
    asked = needs(reference, no_fallback=True, allowed_models=allowed)
    refusal = select(asked, tenant(LARGE, **terms)).why_none(asked)
    assert (refusal.error_type, refusal.http_status) == (error_type, status)
