"""How many tokens a call took and who says so: what cannot be known is said to be unknown, never 0 by silence."""

from typing import Any

import genai_prices
import pytest

from services.router import counting
from shared.errors import ErrorType, failure
from shared.registry import Price
from shared.registry.prices import model_facts
from shared.wire import Usage
from shared.wire.reading.usage import usage_read

PRICE = Price(input_per_mtok_usd=1, output_per_mtok_usd=4)


def prompt_tokens() -> int:
    return 10


def not_asked() -> int:
    raise AssertionError("what was reported is not estimated")


@pytest.mark.parametrize(
    ("said", "characters"),
    [(Usage(3, 4), 100), (Usage(3, 4), 0), (Usage(3, 0), 0), (Usage(0, 0), 0), (Usage(3, 4, 1, 0, 2), 9)],
    ids=["counted", "of nothing that we read", "an answer of nothing", "what costs nothing", "with all that is within"],
)
def test_what_an_endpoint_counted_is_reported(said: Usage, characters: int) -> None:
    assert counting.of_answer(said, characters, not_asked) == (said, "reported")


@pytest.mark.parametrize(
    ("said", "characters", "estimated"),
    [
        (Usage(), 100, (10, 25)),
        (Usage(0, 0), 100, (10, 25)),
        (Usage(3, 0), 100, (3, 25)),
        (Usage(3, None), 100, (3, 25)),
        (Usage(0, 50), 100, (10, 50)),
        (Usage(None, 4), 100, (10, 25)),
        (Usage(), 0, (10, 0)),
        (Usage(), 1, (10, 1)),
    ],
    ids=["nothing", "zeros", "no output", "an output that is no number", "no input", "an input that is no number",
         "nothing of an empty answer", "a character"],
)  # fmt: skip
def test_what_it_did_not_count_is_estimated(said: Usage, characters: int, estimated: tuple[int, int]) -> None:
    usage, state = counting.of_answer(said, characters, prompt_tokens)
    assert (usage[:2], state) == (estimated, "estimated")


def test_what_came_of_an_answer_that_broke_off_is_estimated_also_when_something_was_counted() -> None:
    assert counting.of_part(Usage(3, 1), 100, prompt_tokens) == (Usage(3, 25), "estimated")


@pytest.mark.parametrize(
    ("error_type", "status"),
    [
        ("read_timeout", None), ("expired", None), ("cancelled", None), ("stream_broken", None), ("bad_response", None),
        ("internal", None), ("read_timeout", 504), ("read_timeout", 408), ("server_error", 524),
    ],
)  # fmt: skip
def test_of_a_call_that_was_cut_or_lost_it_is_unknown(error_type: ErrorType, status: int | None) -> None:
    failed = failure(error_type, "x", upstream_status=status)
    assert counting.of_failure(failed) == (Usage(None, None), "unknown")


@pytest.mark.parametrize(
    ("error_type", "status"),
    [
        ("rate_limited", 429), ("server_error", 500), ("overloaded", 503), ("invalid_request", 400),
        ("endpoint_unreachable", None), ("tls_failed", None), ("connect_timeout", None), ("key_unreadable", None),
        ("endpoint_forbidden", None), ("handed_back", None), ("invalid_request", None),
    ],
)  # fmt: skip
def test_a_call_that_was_refused_or_never_sent_is_known_to_take_nothing(
    error_type: ErrorType, status: int | None
) -> None:
    usage, state = counting.of_failure(failure(error_type, "x", upstream_status=status))
    assert (usage[:2], state) == ((0, 0), "reported")
    assert (counting.cost_usd(PRICE, usage), counting.cost_usd(None, usage)) == (0.0, None)


def test_what_was_not_sent_for_another_reason_took_nothing_either() -> None:
    usage, state = counting.of_failure(failure("stream_broken", "x"), sent=False)
    assert (usage[:2], state) == ((0, 0), "reported")


def test_what_a_failed_call_says_that_it_took_is_booked() -> None:
    assert counting.of_failure(failure("bad_response", "x"), Usage(3, None)) == (Usage(3, 0), "reported")


@pytest.mark.parametrize(
    ("price", "usage", "cost_usd"),
    [
        (PRICE, Usage(1_000_000, 500_000), 3.0),
        (PRICE, Usage(1_000_000, None), 1.0),
        (PRICE, Usage(), None),
        (PRICE, Usage(1_000_000, 500_000, cost_usd=9.0), 3.0),
        (Price(input_per_mtok_usd=0, output_per_mtok_usd=0), Usage(1, 1), 0.0),
        (Price(input_per_mtok_usd=0, output_per_mtok_usd=0, per_call_usd=0.002), Usage(10, 0), 0.002),
        (Price(input_per_mtok_usd=0, output_per_mtok_usd=0, per_call_usd=0.002), Usage(0, 0), 0.002),
        (Price(input_per_mtok_usd=1, output_per_mtok_usd=0, per_call_usd=0.5), Usage(1_000_000, 0), 1.5),
        (Price(input_per_mtok_usd=1, output_per_mtok_usd=0, per_call_usd=0.5), Usage(), None),
        (None, Usage(1_000_000, 500_000), None),
        (None, Usage(1_000_000, 500_000, cost_usd=9.0), 9.0),
    ],
    ids=["both", "input alone", "nothing", "a price before the endpoint's word", "a price of nothing",
         "a price of the call", "a price of the call, which took nothing", "of both", "of both, unknown", "no price",
         "no price, and the endpoint's word"],
)  # fmt: skip
def test_a_cost_is_known_where_price_and_tokens_are(price: Price | None, usage: Usage, cost_usd: float | None) -> None:
    assert counting.cost_usd(price, usage) == cost_usd


def test_cached_tokens_are_priced_as_such() -> None:
    usage = Usage(1_000_000, 500_000, cache_read_tokens=600_000, cache_write_tokens=100_000)
    price = Price(input_per_mtok_usd=1, output_per_mtok_usd=4, cached_input_per_mtok_usd=0.5)
    assert counting.cost_usd(price, usage) == pytest.approx(0.4 + 0.3 + 2.0)


@pytest.mark.parametrize(
    ("model", "provider", "said"),
    [
        ("claude-sonnet-4-5", "anthropic",
         {"input_tokens": 5_000, "output_tokens": 100, "cache_creation_input_tokens": 1_000,
          "cache_creation": {"ephemeral_5m_input_tokens": 600, "ephemeral_1h_input_tokens": 400}}),
        ("gpt-4o-mini-realtime-preview", "openai",
         {"prompt_tokens": 6_000, "completion_tokens": 100, "prompt_tokens_details": {"audio_tokens": 1_000},
          "completion_tokens_details": {"audio_tokens": 50}}),
    ],
)  # fmt: skip
def test_what_is_charged_apart_costs_what_genai_prices_says(model: str, provider: str, said: dict[str, Any]) -> None:
    usage = usage_read(said)
    names = ("cache_write_tokens", "cache_write_1h_tokens", "input_audio_tokens", "output_audio_tokens")
    apart = {name: n for name in names if (n := getattr(usage, name))}
    asked = genai_prices.Usage(input_tokens=6_000, output_tokens=100, **apart)
    published = genai_prices.calc_price(asked, model, provider_id=provider)
    assert counting.cost_usd(model_facts(provider, model).price, usage) == pytest.approx(float(published.total_price))
    assert published.total_price > genai_prices.calc_price(
        genai_prices.Usage(input_tokens=6_000, output_tokens=100, cache_write_tokens=usage.cache_write_tokens or None),
        model, provider_id=provider,
    ).total_price  # fmt: skip


def test_a_call_of_a_provider_model_costs_what_genai_prices_says() -> None:
    price = model_facts("google", "gemini-2.5-pro").price
    usage = genai_prices.Usage(input_tokens=300_000, output_tokens=2_000)
    published = genai_prices.calc_price(usage, "gemini-2.5-pro", provider_id="google")
    assert counting.cost_usd(price, Usage(300_000, 2_000)) == pytest.approx(float(published.total_price))
