"""Prices and context windows of provider models, from genai-prices."""

from datetime import UTC, datetime
from typing import NamedTuple

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, TieredPrices
from pydantic import ConfigDict, Field

from shared.registry.models import Price, Rates

_Tier = tuple[int, Rates]  # the least number of input tokens for which the rates hold


class Tariff:
    """The rates of one model of genai-prices by length of the prompt, and by day and hour.

    Its own calculation takes some hundred microseconds and selection compares the prices of many models for one
    request, so all rates are laid out once.
    """

    def __init__(self, model: ModelInfo) -> None:
        self._model = model
        # Of each of the model's prices by its identity; what holds for the longest prompts first.
        self._tiers = {id(prices): _tiers(prices) for prices in _all_prices(model)}
        self.steps = tuple(sorted({least for tiers in self._tiers.values() for least, _ in tiers if least}))

    def rates(self, input_tokens: float) -> Rates:
        tiers = self._tiers[id(self._model.get_prices(datetime.now(UTC)))]
        return next(rates for least, rates in tiers if input_tokens >= least)


class PublishedPrice(Price):
    """A price of genai-prices. As a `Price` it reads as what short prompts cost when it was made."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    tariff: Tariff = Field(exclude=True, repr=False)

    @classmethod
    def of(cls, model: ModelInfo) -> "PublishedPrice":
        tariff = Tariff(model)
        short = tariff.rates(0)
        return cls(input_per_mtok_usd=short.input, output_per_mtok_usd=short.output, tariff=tariff)

    @property
    def steps(self) -> tuple[int, ...]:
        return self.tariff.steps

    def rates(self, input_tokens: float) -> Rates:
        return self.tariff.rates(input_tokens)


class ModelFacts(NamedTuple):
    """None where genai-prices does not know."""

    price: PublishedPrice | None = None
    context_window: int | None = None


def model_facts(provider: str, model: str, base_url: str | None = None) -> ModelFacts:
    """What is publicly known of a provider's model, found by the provider's name or else by its address."""
    for provider_id, api_url in ((provider, None), (None, base_url)):
        if provider_id is None and api_url is None:
            break  # genai-prices would look for the model's name at every provider
        try:
            _, known = get_snapshot().find_provider_model(model, None, provider_id, api_url)
        except LookupError:
            continue
        return ModelFacts(PublishedPrice.of(known), known.context_window)
    return ModelFacts()


def _all_prices(model: ModelInfo) -> list[ModelPrice]:
    known: ModelPrice | list[ConditionalPrice] = model.prices
    return [conditional.prices for conditional in known] if isinstance(known, list) else [known]


def _tiers(prices: ModelPrice) -> list[_Tier]:
    tiered = (price for price in vars(prices).values() if isinstance(price, TieredPrices))
    steps = {tier.start + 1 for price in tiered for tier in price.tiers}  # a tier begins above its start
    return [(least, _rates(prices, least)) for least in sorted(steps | {0}, reverse=True)]


def _rates(prices: ModelPrice, input_tokens: int) -> Rates:
    """Without a rate of their own, cached tokens are charged as all input is."""
    plain = _rate(prices, "input_mtok", input_tokens) or 0.0
    read, written = (_rate(prices, key, input_tokens) for key in ("cache_read_mtok", "cache_write_mtok"))
    return Rates(
        input=plain,
        output=_rate(prices, "output_mtok", input_tokens) or 0.0,
        cache_read=plain if read is None else read,
        cache_write=plain if written is None else written,
        call=(_rate(prices, "requests_kcount", input_tokens) or 0.0) / 1_000,
        cache_write_1h=_rate(prices, "cache_write_1h_mtok", input_tokens),
        input_audio=_rate(prices, "input_audio_mtok", input_tokens),
        output_audio=_rate(prices, "output_audio_mtok", input_tokens),
    )


def _rate(prices: ModelPrice, key: str, input_tokens: int) -> float | None:
    """None when there is none of this name."""
    price = getattr(prices, key)
    if isinstance(price, TieredPrices):
        reached = [tier.price for tier in price.tiers if input_tokens > tier.start]
        price = reached[-1] if reached else price.base
    return None if price is None else float(price)
