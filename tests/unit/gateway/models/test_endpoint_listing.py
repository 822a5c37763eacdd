from typing import Any

import orjson
import pytest

from services.gateway.models.endpoint_listing import Listing, read_listing


def listing(body: object) -> Listing:
    found = read_listing(orjson.dumps(body))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "entry",
    [
        {"max_model_len": 8192},  # vLLM
        {"meta": {"n_ctx_train": 131072, "n_ctx": 8192}},  # llama.cpp: what is served, not what it was trained for
        {"meta": {"n_ctx_train": 8192}},
        {"context_length": 8192},  # OpenRouter, Together
        {"loaded_context_length": 8192, "max_context_length": 131072},  # LM Studio
        {"context_window": 8192},  # Groq
        {"max_context_length": 8192},  # Mistral
        {"context_length": None, "context_window": 8192},
    ],
)
def test_the_context_window_as_each_server_tells_it(entry: dict[str, Any]) -> None:
    assert listing({"object": "list", "data": [{"id": "m", **entry}]}).models == (("m", 8192),)


@pytest.mark.parametrize("value", [0, -1, True, "8192", 2**31, 8192.0, None])
def test_what_is_no_context_window(value: object) -> None:
    assert listing({"data": [{"id": "m", "context_length": value}]}).models == (("m", None),)


@pytest.mark.parametrize(
    ("body", "wire_format"),
    [
        ({"object": "list", "data": [{"id": "m", "object": "model"}]}, "openai"),
        ([{"id": "m"}], "openai"),  # Together
        ({"data": [{"id": "m", "type": "model"}], "has_more": False, "first_id": "m", "last_id": "m"}, "anthropic"),
        ({"data": [{"id": "m", "type": "model"}], "has_more": True}, "anthropic"),
        ({"object": "list", "data": [{"id": "m", "type": "model"}], "has_more": False, "first_id": "m"}, "openai"),
        ({"data": [{"id": "m"}]}, None),
        ({"models": [{"name": "m"}]}, None),
    ],
)
def test_the_form_tells_the_wire_format(body: object, wire_format: str | None) -> None:
    assert listing(body) == Listing((("m", None),), wire_format)  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [b"", b"<html>", b"7", b"null", b'"x"', b"{}", b'{"data": 7}', b'{"data": [{}, 7]}'])
def test_what_is_no_listing(body: bytes) -> None:
    assert read_listing(body) is None


def test_an_empty_listing_is_one() -> None:
    assert listing({"object": "list", "data": []}).models == ()


def test_names_that_would_not_be_shown_are_left_out() -> None:
    odd = [{"id": "a\x1b[31m"}, {"id": "b" * 257}, {"id": 7}, {"id": ""}, {"id": "c"}]

    assert [model.name for model in listing({"data": odd}).models] == ["c"]


def test_a_name_is_found_as_servers_find_it() -> None:
    found = listing({"data": [{"id": "llama3:latest"}, {"id": "models/gemini"}, {"id": "exact"}]})

    for name in ("llama3", "gemini", "exact", "models/gemini"):
        assert found.find(name) is not None
    assert found.find("llama") is None
