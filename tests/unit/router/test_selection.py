import pytest

from services.router.selection import Selection, needs_of, select
from shared.events import RoutingOptions
from tests.unit.router.values import model, needs, tenant

FIRST, SECOND = model(id="custom:first"), model(id="custom:second")
OFF, SMALL = model(id="custom:off", is_active=False), model(id="custom:small", context_window=100)
LARGE, CHEAP = model(id="openai:large"), model(id="openai:cheap")


def tried(selection: Selection) -> list[tuple[str, str]]:
    return [(one.model.id, one.reason) for one in selection.candidates]


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
    assert tried(select(needs("custom:second"), tenant(FIRST, SECOND, LARGE))) == [
        ("custom:second", "named by the request"),
        ("openai:large", "provider model, as fallback"),
    ]


def test_a_named_provider_model_is_tried_once() -> None:
    assert tried(select(needs("openai:cheap"), tenant(FIRST, LARGE, CHEAP))) == [
        ("openai:cheap", "named by the request"),
        ("openai:large", "provider model, as fallback"),
    ]


@pytest.mark.parametrize("reference", [None, "custom:off"])
def test_what_is_not_active_is_passed_over(reference: str | None) -> None:
    selection = select(needs(reference), tenant(OFF, LARGE))
    assert passed_over(selection) == [("custom:off", "not active")]
    assert [one.model for one in selection.candidates] == [LARGE]


def test_a_connection_test_calls_an_inactive_model() -> None:
    selection = select(needs("custom:off", allow_inactive=True, no_fallback=True), tenant(OFF, LARGE))
    assert tried(selection) == [("custom:off", "named by the request")]


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


def test_a_request_that_is_too_long_for_a_model_passes_it_over() -> None:
    selection = select(needs(tokens=101), tenant(SMALL, LARGE))
    assert passed_over(selection) == [("custom:small", "about 101 tokens are needed, its context window is 100")]


def test_a_request_that_just_fits_is_tried() -> None:
    assert select(needs(tokens=100), tenant(SMALL)).candidates[0].model is SMALL


def test_the_named_model_is_tried_whatever_the_estimate() -> None:
    assert select(needs("custom:small", tokens=101), tenant(SMALL)).candidates[0].model is SMALL


def test_with_no_candidate_every_reason_is_told() -> None:
    selection = select(needs(tokens=101), tenant(OFF, SMALL))
    assert selection.why_none == (
        "custom:off: not active; custom:small: about 101 tokens are needed, its context window is 100"
    )


def test_with_no_model_at_all_that_is_told() -> None:
    assert select(needs(), tenant()).why_none == "no model is registered and no provider is configured"


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({}, 100),
        ({"max_tokens": 50}, 150),
        ({"max_completion_tokens": 70}, 170),
        ({"max_completion_tokens": 70, "max_tokens": 50}, 170),
        ({"max_completion_tokens": None, "max_tokens": 50}, 150),
        ({"max_tokens": "50"}, 100),
        ({"max_tokens": [50]}, 100),
        ({"max_tokens": 1.5}, 100),
    ],
)
def test_needs_are_prompt_and_answer_estimated(body: dict[str, object], tokens: int) -> None:
    assert needs_of("m", body, 400, RoutingOptions()).tokens == tokens


def test_needs_name_the_model_in_canonical_form() -> None:
    assert needs_of("openai/large", {}, 0, RoutingOptions()).reference == "openai:large"
    assert needs_of("auto", {}, 0, RoutingOptions()).reference is None
