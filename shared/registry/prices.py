"""Prices and context windows of provider models, from genai-prices."""

from typing import NamedTuple

from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot

from shared.registry.models import Price

# Some prices rise with the length of a request; a price is shown for a request of this length.
_TOKENS = 1_000
_PER_MTOK = 1_000_000 // _TOKENS


class ModelFacts(NamedTuple):
    """None where genai-prices does not know."""

    price: Price | None = None
    context_window: int | None = None


def model_facts(provider: str, model: str, base_url: str | None = None) -> ModelFacts:
    """What is publicly known of a provider's model, found by the provider's name or else by its address."""
    for provider_id, api_url in ((provider, None), (None, base_url)):
        if provider_id is None and api_url is None:
            break  # genai-prices would look for the model's name at every provider
        try:
            known_provider, known = get_snapshot().find_provider_model(model, None, provider_id, api_url)
        except LookupError:
            continue
        price = known.calc_price(Usage(input_tokens=_TOKENS, output_tokens=_TOKENS), known_provider)
        shown = Price(
            input_per_mtok_usd=float(price.input_price * _PER_MTOK),
            output_per_mtok_usd=float(price.output_price * _PER_MTOK),
        )
        return ModelFacts(shown, known.context_window)
    return ModelFacts()
