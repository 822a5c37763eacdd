"""Reference prices, from genai-prices."""

from decimal import Decimal

import structlog
from genai_prices import Usage, calc_price

from shared.registry import Price

logger = structlog.get_logger(__name__)

_MTOK = 1_000_000


def reference_price(reference: str) -> Price | None:
    """The price of `<provider>:<model>`; None when it is empty or not known."""
    provider, _, model = reference.partition(":")
    if not model:
        return None
    try:
        price = calc_price(Usage(input_tokens=_MTOK, output_tokens=_MTOK), model, provider_id=provider)
    except LookupError:
        logger.warning("prices.unknown_reference", reference=reference)
        return None
    return Price(input_per_mtok_usd=_usd(price.input_price), output_per_mtok_usd=_usd(price.output_price))


def _usd(value: Decimal) -> float:
    return float(value)
