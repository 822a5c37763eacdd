import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.registry import Model, Price
from shared.registry.models import server_address


def model(**more: object) -> Model:
    fields: dict[str, object] = {
        "id": "custom:m",
        "wire_format": "openai",
        "provider_name": "openai",
        "endpoint_url": "http://h/v1",
    }
    return Model.model_validate(fields | more)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://h/v1", "h:80"),
        ("https://h/v1", "h:443"),
        ("https://h:8443/v1", "h:8443"),
        ("http://H.Example:8000", "h.example:8000"),
        ("http://[::1]/v1", "[::1]:80"),
        ("http://[2001:db8::1]:8000/v1", "[2001:db8::1]:8000"),
        ("http://127.0.0.1:1/v1", "127.0.0.1:1"),
    ],
)
def test_an_endpoint_is_named_by_host_and_port(url: str, address: str) -> None:
    assert server_address(url) == address
    assert model(endpoint_url=url).server_address == address


def test_the_wire_format_gives_the_path() -> None:
    assert model().completions_url == "http://h/v1/chat/completions"
    assert model(wire_format="anthropic").completions_url == "http://h/v1/messages"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"config": {"model": "upstream"}}, "upstream"),
        ({"config": {}}, "m"),
        ({"config": {"model": ""}}, "m"),
        ({"id": "ollama:llama:7b"}, "llama:7b"),
    ],
)
def test_the_name_at_the_endpoint_is_configured_or_that_of_the_id(fields: dict[str, object], name: str) -> None:
    assert model(**fields).upstream_model == name


def test_a_stream_begins_in_the_time_of_a_whole_answer_unless_its_own_is_given() -> None:
    assert model(timeout_s=200).first_chunk_timeout_s == 200
    assert model(timeout_s=200, first_chunk_timeout_s=20).first_chunk_timeout_s == 20


def test_only_custom_models_are_custom() -> None:
    assert model(id="custom:m").is_custom
    assert not model(id="openai:custom:m").is_custom


def test_a_plain_key_is_neither_shown_nor_written() -> None:
    known = model(plain_api_key="opensesame")
    assert known.plain_api_key == "opensesame"
    assert "opensesame" not in repr(known)
    assert "opensesame" not in known.model_dump_json()


@pytest.mark.parametrize(("tokens", "usd"), [((0, 0), 0.0), ((1_000_000, 0), 0.5), ((0, 1_000_000), 2.0)])
def test_a_price_is_per_million_tokens_of_each_kind(tokens: tuple[int, int], usd: float) -> None:
    assert Price(input_per_mtok_usd=0.5, output_per_mtok_usd=2.0).cost_usd(*tokens) == usd


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_input_and_output_add_up(input_tokens: int, output_tokens: int) -> None:
    price = Price(input_per_mtok_usd=0.5, output_per_mtok_usd=2.0)
    parts = price.cost_usd(input_tokens, 0) + price.cost_usd(0, output_tokens)
    assert math.isclose(price.cost_usd(input_tokens, output_tokens), parts)


@pytest.mark.parametrize(("cached_rate", "usd"), [(None, 1.5), (0.25, 0.9), (0.0, 0.7)])
def test_cached_input_has_its_own_rate_or_that_of_all_input(cached_rate: float | None, usd: float) -> None:
    price = Price(input_per_mtok_usd=1, output_per_mtok_usd=2, cached_input_per_mtok_usd=cached_rate)
    assert math.isclose(price.cost_usd(1_000_000, 250_000, 800_000, 100_000), usd)


def test_a_price_without_a_cached_rate_is_written_as_it_always_was() -> None:
    price = Price(input_per_mtok_usd=1, output_per_mtok_usd=2)
    assert price.model_dump() == {"input_per_mtok_usd": 1, "output_per_mtok_usd": 2}


@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf"), "much"])
def test_a_price_is_a_number_from_zero(wrong: object) -> None:
    with pytest.raises(ValidationError):
        Price.model_validate({"input_per_mtok_usd": wrong, "output_per_mtok_usd": 1})


def test_a_misspelt_price_is_refused() -> None:
    with pytest.raises(ValidationError):
        Price.model_validate({"input_per_mtok_usd": 1, "output_per_mtok_usd": 1, "outptu": 1})
