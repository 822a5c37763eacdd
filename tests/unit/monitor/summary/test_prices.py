import pytest

from services.monitor.summary.prices import reference_price


def test_a_known_model_has_a_price() -> None:
    price = reference_price("openai:gpt-4o")
    assert price is not None
    assert 0 < price.input_per_mtok_usd < price.output_per_mtok_usd


@pytest.mark.parametrize("reference", ["", "openai", "openai:", "nobody:gpt-4o", "openai:no-such-model"])
def test_without_a_known_model_there_is_no_reference(reference: str) -> None:
    assert reference_price(reference) is None
