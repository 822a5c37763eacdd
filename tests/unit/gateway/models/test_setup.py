"""Setting a model up, as far as it needs no database, no broker and no endpoint."""

from typing import Any
from uuid import uuid4

import orjson
import pytest

from services.gateway.bodies import InvalidBodyError, validated
from services.gateway.inference.admission import Deadlines
from services.gateway.inference.completing import Completing, Sent
from services.gateway.models.probe import Probed
from services.gateway.models.probe_steps import failed_step
from services.gateway.models.schemas import ModelProbe, ModelSetup, ModelTest
from services.gateway.models.setup import Setups, completed, refuse_other_keys, target_of, worded_for_setup
from services.gateway.models.trial import Question, TrialFailedError
from shared.access import Caller
from shared.errors import ErrorType, TallygateError, failure
from shared.inferences import InferenceFailedError
from shared.registry.models import Price

OPENAI = "https://api.openai.com/v1"
PROBED = Probed((), "openai", False)
NOTHING: Any = None  # is not asked
SETUPS = Setups(completing=NOTHING, store=NOTHING, registry=NOTHING, probe_limit=NOTHING, guard=NOTHING, ring=NOTHING)


def body(**fields: Any) -> ModelSetup:
    return validated(ModelSetup, {"model_id": "m", "endpoint_url": OPENAI, "config": {"model": "gpt-4o-mini"}} | fields)


def caller(*allowed: str) -> Caller:
    return Caller("acme", "key", frozenset({"models"}), allowed or None)


def question(caller: Caller) -> Question:
    sent = Sent({}, "/api/models/setup", b"", None)
    return Question(caller, sent, "custom:m", ModelTest().message)


def filled(sent: ModelSetup, probed: Probed = PROBED) -> tuple[int | None, Price | None, dict[str, str]]:
    whole, filled_in = completed(sent, target_of(sent, "gpt-4o-mini"), probed)
    return whole.context_window, whole.price, filled_in


def test_price_and_context_window_of_a_known_model_are_filled_in() -> None:
    window, price, filled_in = filled(body())
    assert window is not None
    assert window > 100_000
    assert price is not None
    assert price.input_per_mtok_usd > 0
    assert filled_in == {"price": "genai-prices", "context_window": "genai-prices"}


def test_the_endpoint_knows_its_context_window_best() -> None:
    window, _, filled_in = filled(body(), Probed((), "openai", False, (), 4096))
    assert (window, filled_in["context_window"]) == (4096, "endpoint")


def test_what_was_said_stays() -> None:
    ours = {"input_per_mtok_usd": 1, "output_per_mtok_usd": 2}
    window, price, filled_in = filled(body(price=ours, context_window=1000), Probed((), "openai", False, (), 4096))
    assert (window, price, filled_in) == (1000, Price(**ours), {})
    assert filled(body(price=None, context_window=None)) == (None, None, {})


def test_nothing_is_known_of_a_model_at_an_unknown_address() -> None:
    assert filled(body(endpoint_url="http://host/v1")) == (None, None, {})


@pytest.mark.parametrize("url", ["http://messages", "http://chat/completions", "http:///chat/completions"])
def test_the_base_that_is_probed_is_the_one_that_was_checked(url: str) -> None:
    for sent in (validated(ModelProbe, {"endpoint_url": url}), body(endpoint_url=url)):
        with pytest.raises(InvalidBodyError) as caught:
            target_of(sent, None)
        assert caught.value.param == "endpoint_url"


@pytest.mark.parametrize(
    ("url", "provider", "base"),
    [
        ("http://h/v1/messages", None, "http://h/v1"),
        ("http://h/v1/chat/completions/", None, "http://h/v1"),
        ("http://h/messages/chat/completions", None, "http://h/messages"),
        ("http://messages/v1", None, "http://messages/v1"),
        ("http://h/v1/messages", "openai-compatible", "http://h/v1/messages"),
        ("https://api.anthropic.com/v1/chat/completions", None, "https://api.anthropic.com/v1"),
    ],
)
def test_the_base_of_what_was_sent(url: str, provider: str | None, base: str) -> None:
    target = target_of(validated(ModelProbe, {"endpoint_url": url, "provider": provider}), None)
    assert target.base == base


def test_a_key_for_other_models_has_nothing_called() -> None:
    refuse_other_keys(caller(), "custom:m")
    refuse_other_keys(caller("custom:*"), "custom:m")
    with pytest.raises(TallygateError) as caught:
        refuse_other_keys(caller("openai:*"), "custom:m")
    refusal = caught.value.failure
    assert (refusal.error_type, refusal.http_status) == ("permission_denied", 403)
    assert refusal.title == "Your API key may not use this model"
    assert "tallygate keys create" in " ".join(refusal.tips)
    assert "console" not in " ".join(refusal.tips)


async def test_a_setup_with_such_a_key_is_refused_before_anything_else() -> None:
    with pytest.raises(TallygateError, match="permission_denied"):
        await SETUPS.set_up(question(caller("openai:*")), body())
    with pytest.raises(TallygateError, match="permission_denied"):
        await SETUPS.try_stored(question(caller("openai:*")), NOTHING)


def failed(error_type: ErrorType, *calls: dict[str, Any], **more: Any) -> TrialFailedError:
    refusal = failure(error_type, "why", model="custom:m", **more)
    cause = InferenceFailedError(refusal, uuid4(), calls, len(calls))
    return TrialFailedError(cause, (failed_step("answer", refusal, 0.1),))


def test_a_call_that_failed_is_told_as_of_a_model_that_is_not_stored() -> None:
    reworded = worded_for_setup(failed("permission_denied", {"error_type": "permission_denied"}), "h:443")
    assert reworded.failure.tips == (
        "Give the key access to the model in the provider's console, or give another key (api_key).",
    )
    assert reworded.steps[-1].error == reworded.failure


def test_what_was_refused_without_a_call_keeps_its_tips() -> None:
    budget = failed("quota_exceeded", tips=("See it: tallygate tenants show <tenant>",))
    assert worded_for_setup(budget, "h:443").failure.tips == ("See it: tallygate tenants show <tenant>",)


def test_a_trial_sets_no_limit_to_the_answer() -> None:
    completing = Completing(
        deadlines=Deadlines(10.0, 10.0), registry=NOTHING, conditions=NOTHING, doorkeeper=NOTHING, rejections=NOTHING,
        inferences=NOTHING, once=NOTHING,
    )  # fmt: skip
    admitted = question(caller()).admitted(completing)
    assert orjson.loads(admitted.body).keys() == {"messages"}
    assert "one word" in ModelTest().message
