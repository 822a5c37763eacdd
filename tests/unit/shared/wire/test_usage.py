"""What endpoints say that a call took, in the forms in which they say it."""

from typing import Any

import pytest

from shared.wire.reading.usage import Usage, openai_usage, usage_in, usage_read

FORMS: dict[str, tuple[dict[str, Any], Usage]] = {
    "OpenAI": (
        {
            "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 10},
            "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 5, "accepted_prediction_tokens": 8,
                                          "rejected_prediction_tokens": 4},
        },
        Usage(100, 50, 60, 0, 30, 10, 5),
    ),
    "OpenAI, Responses": (
        {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 60}, "output_tokens": 50,
         "output_tokens_details": {"reasoning_tokens": 30}, "total_tokens": 150},
        Usage(100, 50, 60, 0, 30),
    ),
    "xAI: reasoning beside the completion": (
        {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 2000,
         "completion_tokens_details": {"reasoning_tokens": 900}},
        Usage(1000, 1000, 0, 0, 900),
    ),
    "reasoning beside the completion, without a total": (
        {"prompt_tokens": 1000, "completion_tokens": 100, "completion_tokens_details": {"reasoning_tokens": 900}},
        Usage(1000, 1000, 0, 0, 900),
    ),
    "reasoning within the completion": (
        {"prompt_tokens": 10, "completion_tokens": 950, "total_tokens": 960,
         "completion_tokens_details": {"reasoning_tokens": 900}},
        Usage(10, 950, 0, 0, 900),
    ),
    "more reasoning than the total has": (
        {"prompt_tokens": 10, "completion_tokens": 100, "total_tokens": 110,
         "completion_tokens_details": {"reasoning_tokens": 900}},
        Usage(10, 100, 0, 0, 100),
    ),
    "DeepSeek": (
        {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105, "prompt_cache_hit_tokens": 64,
         "prompt_cache_miss_tokens": 36},
        Usage(100, 5, 64),
    ),
    "DeepSeek, by its cache alone": (
        {"completion_tokens": 5, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}, Usage(100, 5, 64),
    ),
    "Anthropic": (
        {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 20,
         "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5},
         "server_tool_use": {"web_search_requests": 1}},
        Usage(100, 5, 70, 20, cache_write_1h_tokens=5),
    ),
    "Anthropic, by the age of its cache": (
        {"input_tokens": 10, "output_tokens": 5, "cache_creation": {"ephemeral_5m_input_tokens": 15,
                                                                    "ephemeral_1h_input_tokens": 5}},
        Usage(30, 5, 0, 20, cache_write_1h_tokens=5),
    ),
    "Anthropic behind a proxy that adds": (
        {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105, "cache_read_input_tokens": 70,
         "cache_creation_input_tokens": 20, "prompt_tokens_details": {"cached_tokens": 70}},
        Usage(100, 5, 70, 20),
    ),
    "Anthropic behind a proxy that renames": (
        {"prompt_tokens": 10, "completion_tokens": 5, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 20},
        Usage(100, 5, 70, 20),
    ),
    "Gemini": (
        {"promptTokenCount": 100, "candidatesTokenCount": 20, "thoughtsTokenCount": 30, "toolUsePromptTokenCount": 7,
         "cachedContentTokenCount": 40, "totalTokenCount": 157,
         "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 90}, {"modality": "AUDIO", "tokenCount": 10}]},
        Usage(107, 50, 40, 0, 30, 10),
    ),
    "Gemini, which has only thought": (
        {"promptTokenCount": 100, "thoughtsTokenCount": 30, "totalTokenCount": 130}, Usage(100, 30, 0, 0, 30),
    ),
    "Gemini by OpenAI's names": (
        {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 150}, Usage(100, 50),
    ),
    "Mistral": (
        {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "prompt_audio_seconds": {},
         "num_cached_tokens": 60},
        Usage(100, 20, 60),
    ),
    "Moonshot": ({"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "cached_tokens": 60},
                 Usage(100, 20, 60)),
    "Groq": ({"queue_time": 0.1, "prompt_tokens": 100, "prompt_time": 0.01, "completion_tokens": 20,
              "total_tokens": 120}, Usage(100, 20)),
    "OpenRouter": (
        {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "cost": 0.0125,
         "cost_details": {"upstream_inference_cost": None}, "prompt_tokens_details": {"cache_write_tokens": 30}},
        Usage(100, 20, 0, 30, cost_usd=0.0125),
    ),
    "Perplexity": (
        {"prompt_tokens": 100, "completion_tokens": 20, "cost": {"input_tokens_cost": 0.1, "total_cost": 0.25}},
        Usage(100, 20, cost_usd=0.25),
    ),
    "Bedrock": ({"inputTokens": 10, "outputTokens": 20, "totalTokens": 120, "cacheReadInputTokens": 90},
                Usage(100, 20, 90)),
    "floats": ({"prompt_tokens": 12.0, "completion_tokens": 4.0}, Usage(12, 4)),
    "texts": ({"prompt_tokens": "12", "completion_tokens": "4"}, Usage(12, 4)),
    "an output by its total": ({"prompt_tokens": 12, "total_tokens": 16}, Usage(12, 4)),
    "an input by its total": ({"completion_tokens": 4, "total_tokens": 16}, Usage(12, 4)),
    "a total alone": ({"total_tokens": 16}, Usage()),
    "a total that is too small": ({"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 3}, Usage(12, 4)),
    "negative numbers": ({"prompt_tokens": -1, "completion_tokens": -4, "total_tokens": -5, "cost": -1}, Usage()),
    "nothing": ({"prompt_tokens": None, "completion_tokens": None}, Usage()),
    "nonsense": ({"prompt_tokens": [], "completion_tokens": {}, "total_tokens": "?", "cost": "dear"}, Usage()),
    "zeros": ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, Usage(0, 0)),
}  # fmt: skip

PLACES: dict[str, tuple[dict[str, Any], Usage]] = {
    "most": ({"usage": {"prompt_tokens": 3, "completion_tokens": 4}}, Usage(3, 4)),
    "Groq's streams": ({"usage": None, "x_groq": {"id": "r", "usage": {"prompt_tokens": 3, "completion_tokens": 4}}},
                       Usage(3, 4)),
    "Moonshot's streams": ({"choices": [{"delta": {}, "usage": {"prompt_tokens": 3, "completion_tokens": 4}}]},
                           Usage(3, 4)),
    "Gemini": ({"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4}}, Usage(3, 4)),
    "Cohere": ({"usage": {"billed_units": {"input_tokens": 3, "output_tokens": 4},
                          "tokens": {"input_tokens": 70, "output_tokens": 4}}}, Usage(3, 4)),
    "Cohere, as it was": ({"meta": {"billed_units": {"input_tokens": 3.0, "output_tokens": 4.0}}}, Usage(3, 4)),
    "Ollama": ({"model": "m", "prompt_eval_count": 3, "eval_count": 4, "eval_duration": 1}, Usage(3, 4)),
    "llama.cpp": ({"timings": {"prompt_n": 1, "cache_n": 2, "predicted_n": 4, "predicted_ms": 0.5}}, Usage(3, 4, 2)),
    "Anthropic's beginning": ({"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 4}}},
                              Usage(3, 4)),
    "where nothing is said": ({"usage": {}, "x_groq": 5, "choices": [5], "meta": [], "message": "m"}, Usage()),
}  # fmt: skip


@pytest.mark.parametrize(("told", "usage"), FORMS.values(), ids=list(FORMS))
def test_usage_is_read_in_the_form_of_every_vendor(told: dict[str, Any], usage: Usage) -> None:
    assert usage_read(told) == usage


@pytest.mark.parametrize(("body", "usage"), PLACES.values(), ids=list(PLACES))
def test_usage_is_found_wherever_a_vendor_says_it(body: dict[str, Any], usage: Usage) -> None:
    assert usage_in(body) == usage


@pytest.mark.parametrize("usage", [None, [], "x", 5, {}], ids=repr)
def test_what_is_no_usage_says_nothing(usage: Any) -> None:
    assert usage_read(usage) == Usage()


def test_what_is_told_in_openais_form_is_read_back() -> None:
    usage = Usage(100, 50, 60, 10, 30)
    assert usage_read(openai_usage(usage)) == usage
