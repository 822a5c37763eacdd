"""What is counted of calls, by the names of OpenTelemetry's GenAI conventions."""

from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.router.measured import Labels, count
from shared.events import AttemptEnded, new_id, utc_now
from shared.telemetry.attempts import model_label


def _ended(**more: Any) -> AttemptEnded:
    at = utc_now()
    known: dict[str, Any] = {
        "inference_id": new_id(), "tenant_id": "acme", "attempt_id": new_id(), "attempt_number": 1, "model": "custom:m",
        "server_address": "h:443", "provider_name": "openai", "outcome": "succeeded", "started_at": at, "ended_at": at,
        "duration_s": 0.2, "input_tokens": 7, "output_tokens": 3, "cache_read_tokens": 2, "reasoning_tokens": 1,
        "reported_by": "r", "usage_state": "reported", "cost_usd": 0.25,
    }  # fmt: skip
    return AttemptEnded(**known | more)


def _counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_call_is_counted_with_its_tokens_and_its_cost() -> None:
    by = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "openai", "gen_ai_request_model": "acme:counted"}
    count(Labels("chat", "openai", "acme:counted"), _ended(), None, None)

    kinds = ("input", "output", "cache_read_input", "cache_write_input", "reasoning_output")
    tokens = [_counted(f"gen_ai_client_inference_usage_{kind}_tokens_total", **by) for kind in kinds]
    assert tokens == [7, 3, 2, 0, 1]
    assert _counted("tallygate_cost_usd_total", model="acme:counted") == 0.25
    assert _counted("tallygate_attempts_by_usage_total", model="acme:counted", usage_state="reported") == 1
    assert _counted("gen_ai_client_inference_duration_seconds_count", **by, error_type="") == 1


def test_what_brings_no_text_is_an_operation_and_no_inference() -> None:
    by = {"gen_ai_operation_name": "embeddings", "gen_ai_provider_name": "openai", "gen_ai_request_model": "custom"}
    count(Labels("embeddings", "openai", "custom"), _ended(), None, None)

    assert _counted("gen_ai_client_operation_duration_seconds_count", **by, error_type="") == 1
    assert not _counted("gen_ai_client_inference_duration_seconds_count", **by, error_type="")


@pytest.mark.parametrize(
    ("model", "told", "label"),
    [("custom:mine", False, "custom"), ("custom:mine", True, "custom:mine"), ("acme:gpt", False, "acme:gpt")],
)
def test_tenants_models_are_named_only_when_that_is_asked_for(model: str, told: bool, label: str) -> None:
    assert model_label(model, told=told) == label
