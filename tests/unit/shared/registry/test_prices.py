from datetime import UTC, datetime, time, tzinfo
from decimal import Decimal

import pytest
from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ClauseEquals, ConditionalPrice, ModelInfo, ModelPrice, Provider, TimeOfDateConstraint
from hypothesis import given
from hypothesis import strategies as st

from shared.registry import Price
from shared.registry.prices import PublishedPrice, model_facts

SNAPSHOT = get_snapshot()
PUBLISHED = [(provider, model) for provider in SNAPSHOT.providers for model in provider.models]
# Many models cost the same: what a call costs follows from the prices alone.
DIFFERENT = list({repr(model.prices): (provider, model) for provider, model in PUBLISHED}.values())
LENGTHS = (0, 1, 1_000, 128_000, 128_001, 199_999, 200_000, 200_001, 272_000, 272_001, 300_000, 2_000_000)


def price_of(provider: str, model: str) -> PublishedPrice:
    price = model_facts(provider, model).price
    assert price is not None
    return price


def true_cost(provider: Provider, model: ModelInfo, *tokens: int) -> float:
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    return float(model.calc_price(Usage(**dict(zip(names, tokens, strict=False))), provider).total_price)


@pytest.mark.parametrize(
    ("provider", "model", "tokens", "usd"),
    [
        ("google", "gemini-2.5-pro", (300_000, 2_000), 0.78),
        ("anthropic", "claude-sonnet-4-5", (300_000, 2_000), 1.845),
        ("openai", "gpt-5", (300_000, 2_000), 0.395),
        ("openai", "gpt-5", (300_000, 2_000, 270_000), 0.09125),
        ("anthropic", "claude-sonnet-4-5", (100_000, 0, 60_000, 30_000), 0.1605),
    ],
)
def test_a_call_costs_what_genai_prices_says(provider: str, model: str, tokens: tuple[int, ...], usd: float) -> None:
    known = SNAPSHOT.find_provider_model(model, None, provider, None)
    assert price_of(provider, model).cost_usd(*tokens) == pytest.approx(usd)
    assert true_cost(*known, *tokens) == pytest.approx(usd)


@pytest.mark.parametrize("length", LENGTHS)
def test_every_price_of_the_package_is_laid_out_as_it_says(length: int) -> None:
    for provider, model in DIFFERENT:
        tokens = (length, 2_000, length // 2, length // 4)
        assert PublishedPrice.of(model).cost_usd(*tokens) == pytest.approx(true_cost(provider, model, *tokens)), (
            model.id
        )


@given(
    st.sampled_from(["gemini-2.5-pro", "claude-sonnet-4-5", "gpt-5", "deepseek-chat"]),
    st.tuples(st.integers(0, 500_000), st.integers(0, 500_000), st.integers(0, 500_000), st.integers(0, 100_000)),
)
def test_whatever_was_used_costs_what_genai_prices_says(name: str, used: tuple[int, int, int, int]) -> None:
    provider, model = next(one for one in PUBLISHED if one[1].id == name)
    plain, read, written, output = used
    tokens = (plain + read + written, output, read, written)
    assert PublishedPrice.of(model).cost_usd(*tokens) == pytest.approx(true_cost(provider, model, *tokens))


def test_it_reads_as_the_price_of_a_short_prompt_and_is_written_like_any_other() -> None:
    price = price_of("google", "gemini-2.5-pro")
    assert price.model_dump() == {"input_per_mtok_usd": 1.25, "output_per_mtok_usd": 10.0}
    assert (price.steps, price_of("openai", "gpt-4o").steps) == ((200_001,), ())
    assert Price(input_per_mtok_usd=1, output_per_mtok_usd=2).steps == ()


class Clock(datetime):
    hour_now = 0

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Clock":
        return cls(2026, 11, 23, cls.hour_now, tzinfo=tz)


def test_a_price_that_holds_at_some_hours_is_charged_at_those(monkeypatch: pytest.MonkeyPatch) -> None:
    night = TimeOfDateConstraint(time(1, tzinfo=UTC), time(4, tzinfo=UTC))
    by_day, by_night = ModelPrice(input_mtok=Decimal(4)), ModelPrice(input_mtok=Decimal(1))
    prices = [ConditionalPrice(prices=by_day), ConditionalPrice(night, prices=by_night)]
    price = PublishedPrice.of(ModelInfo(id="m", match=ClauseEquals("m"), prices=prices))
    monkeypatch.setattr("shared.registry.prices.datetime", Clock)
    monkeypatch.setattr(Clock, "hour_now", 12)
    assert price.cost_usd(1_000_000, 0) == 4
    monkeypatch.setattr(Clock, "hour_now", 2)
    assert price.cost_usd(1_000_000, 0) == 1


def test_what_is_not_known_has_no_price() -> None:
    assert model_facts("openai", "no-such-model") == (None, None)
    assert model_facts("nobody", "gpt-5") == (None, None)
    assert model_facts("nobody", "gpt-5", "https://api.openai.com/v1").price is not None
