"""The price that savings are measured against."""

import structlog

from shared.registry import Price
from shared.registry.prices import model_facts

logger = structlog.get_logger(__name__)


def reference_price(reference: str) -> Price | None:
    """The price of `<provider>:<model>`; None when it is empty or not known."""
    provider, _, model = reference.partition(":")
    if not model:
        return None
    price = model_facts(provider, model).price
    if price is None:
        logger.warning("prices.unknown_reference", reference=reference)
    return price
