"""What is counted of calls, by the names of OpenTelemetry's GenAI conventions."""

from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.router import spans
from shared.events import AttemptEnded, new_id, utc_now
from shared.registry import Model
from shared.wire.reading.completions import CompletionRead
from shared.wire.reading.usage import Usage
from tests.unit.router.values import model

_CHAT = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "openai"}


def _ended(**more: Any) -> AttemptEnded:
    at = utc_now()
    known: dict[str, Any] = {
        "inference_id": new_id(), "tenant_id": "acme", "attempt_id": new_id(), "attempt_number": 1, "model": "custom:m",
        "server_address": "h:443", "provider_name": "openai", "outcome": "succeeded", "started_at": at, "ended_at": at,
        "duration_s": 0.2, "input_tokens": 7, "output_tokens": 3, "cache_read_tokens": 2, "reasoning_tokens": 1,
        "reported_by": "r",
    }  # fmt: skip
    return AttemptEnded(**known | more)


def _counted(name: str, request_model: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, _CHAT | {"gen_ai_request_model": request_model} | labels) or 0.0


@pytest.mark.parametrize(
    ("called", "request_model"),
    [(model(), "custom"), (model().model_copy(update={"id": "acme:gpt"}), "acme:gpt")],
    ids=["custom", "provider"],
)
def test_a_call_is_counted_with_its_tokens(called: Model, request_model: str) -> None:
    usage = "gen_ai_client_inference_usage_"
    kinds = ("input", "output", "cache_read_input", "cache_write_input", "reasoning_output")
    names = [f"{usage}{kind}_tokens_total" for kind in kinds]
    before = [_counted(name, request_model) for name in names]
    calls = _counted("gen_ai_client_inference_duration_seconds_count", request_model, error_type="")
    spans.count(called, "chat", _ended(), None)
    after = [_counted(name, request_model) for name in names]
    assert [now - then for then, now in zip(before, after, strict=True)] == [7, 3, 2, 0, 1]
    assert _counted("gen_ai_client_inference_duration_seconds_count", request_model, error_type="") == calls + 1


def test_what_brings_no_text_is_an_operation_and_no_inference() -> None:
    labels = {"gen_ai_operation_name": "embeddings", "error_type": ""}
    spans.count(model(), "embeddings", _ended(), None)
    assert _counted("gen_ai_client_operation_duration_seconds_count", "custom", **labels) == 1
    assert not _counted("gen_ai_client_inference_duration_seconds_count", "custom", **labels)


def test_what_was_thought_heard_and_said_is_on_the_span() -> None:
    usage = Usage(9, 8, reasoning_tokens=5, input_audio_tokens=4, output_audio_tokens=0)
    said = spans.completion_attributes(CompletionRead(usage=usage))
    assert said["gen_ai.usage.reasoning.output_tokens"] == 5
    assert said["gen_ai.usage.audio.input_tokens"] == 4
    assert said["gen_ai.usage.audio.output_tokens"] is None
