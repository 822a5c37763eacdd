from typing import Any

import orjson
import pytest

from services.gateway.bodies import InvalidBodyError, validated
from services.gateway.models.custom_models import (
    callable_model,
    changed_model,
    model_name_of,
    public_model,
    servers_changed,
    stored_model,
)
from services.gateway.models.schemas import CustomModelChange, CustomModelCreate
from services.gateway.models.store import StoredModel
from shared.crypto import KeyRing, SealedContext, open_sealed
from shared.crypto.keys import new_key
from shared.registry.secrets import ModelSecrets, open_secrets
from tests.unit.gateway.models.rows import NOW, row

RING = KeyRing.parse(new_key())
FULL: dict[str, Any] = {
    "model_id": "my-model",
    "model_name": "My model",
    "endpoint_url": "http://host/v1/chat/completions",
    "provider": "openai-compatible",
    "api_key": "opensesame",
    "headers": {"x-team": "opensesame too"},
    "config": {"model": "upstream", "temperature": 0.7, "max_tokens": 4000},
    "context_window": 8192,
    "max_concurrency": 16,
    "price": {"input_per_mtok_usd": 0.1, "output_per_mtok_usd": 0.2},
    "timeout_s": 30,
    "first_chunk_timeout_s": 20,
    "idle_timeout_s": 10,
    "capabilities": {"vision": False},
    "weight": 3,
    "health": {"degraded_at": 0.2, "unhealthy_at": 0.2},
    "probe": {"every_s": 60.0},
    "description": "ours",
    "is_active": False,
}
LEAST: dict[str, Any] = {"model_id": "m", "endpoint_url": "http://host/v1", "provider": "anthropic-compatible"}


def created(fields: dict[str, object]) -> StoredModel:
    return stored_model(RING, "acme", validated(CustomModelCreate, fields))


def changed(change: dict[str, object], fields: dict[str, object] | None = None) -> StoredModel:
    return changed_model(RING, "acme", row(created(fields or FULL)), validated(CustomModelChange, change))


def opened(kind: str, sealed: str | None) -> bytes:
    assert sealed is not None
    return open_sealed(RING, SealedContext("acme", kind, "my-model"), sealed)


def test_everything_that_was_sent_is_stored() -> None:
    model = created(FULL)
    assert model._replace(sealed_api_key=None, sealed_headers=None) == StoredModel(
        model_id="my-model",
        model_name="My model",
        description="ours",
        wire_format="openai",
        endpoint_url="http://host/v1",
        sealed_api_key=None,
        sealed_headers=None,
        config={"model": "upstream", "temperature": 0.7, "max_tokens": 4000},
        capabilities={"vision": False},
        context_window=8192,
        max_concurrency=16,
        price={"input_per_mtok_usd": 0.1, "output_per_mtok_usd": 0.2},
        timeout_s=30.0,
        first_chunk_timeout_s=20.0,
        idle_timeout_s=10.0,
        weight=3,
        health={"degraded_at": 0.2, "unhealthy_at": 0.2},
        probe={"every_s": 60},
        is_active=False,
    )


def test_secrets_are_sealed_for_this_tenant_and_model() -> None:
    model = created(FULL)
    assert opened("model_api_key", model.sealed_api_key) == b"opensesame"
    assert orjson.loads(opened("model_headers", model.sealed_headers)) == {"x-team": "opensesame too"}


def test_three_fields_are_enough() -> None:
    model = created(LEAST)
    assert (model.model_name, model.wire_format, model.is_active) == ("m", "anthropic", True)
    assert (model.sealed_api_key, model.sealed_headers, model.price, model.timeout_s) == (None, None, None, None)


def test_a_wrong_endpoint_is_not_stored() -> None:
    with pytest.raises(InvalidBodyError, match="endpoint_url"):
        created(LEAST | {"endpoint_url": "host"})


def test_what_is_shown_has_no_secret_in_it() -> None:
    shown = public_model(row(created(FULL)))
    assert "opensesame" not in orjson.dumps(shown).decode()
    assert not {"sealed_api_key", "sealed_headers", "api_key", "headers"} & set(shown)
    assert (shown["has_api_key"], shown["has_headers"]) == (True, True)


def test_what_is_shown_is_what_was_sent() -> None:
    shown = public_model(row(created(FULL)))
    assert {name: shown[name] for name in FULL if name in shown and name != "endpoint_url"} == {
        name: value for name, value in FULL.items() if name not in {"api_key", "headers", "endpoint_url"}
    }
    assert (shown["id"], shown["endpoint_url"]) == ("custom:my-model", "http://host/v1")
    assert (shown["created_at"], shown["updated_at"]) == (NOW.isoformat(), NOW.isoformat())


def test_without_secrets_that_is_shown() -> None:
    shown = public_model(row(created(LEAST)))
    assert (shown["has_api_key"], shown["has_headers"]) == (False, False)
    assert shown["provider"] == "anthropic-compatible"


def test_a_change_of_nothing_changes_nothing() -> None:
    before = created(FULL)
    after = changed_model(RING, "acme", row(before), validated(CustomModelChange, {}))
    assert after == before


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        ({"model_name": "Other"}, "model_name", "Other"),
        ({"model_name": None}, "model_name", "my-model"),
        ({"description": "new"}, "description", "new"),
        ({"config": {}}, "config", {}),
        ({"config": {"model": "x"}}, "config", {"model": "x"}),
        ({"context_window": 1}, "context_window", 1),
        ({"context_window": None}, "context_window", None),
        ({"max_concurrency": 1}, "max_concurrency", 1),
        ({"max_concurrency": None}, "max_concurrency", None),
        ({"price": {"input_per_mtok_usd": 1, "output_per_mtok_usd": 2}}, "price",
         {"input_per_mtok_usd": 1.0, "output_per_mtok_usd": 2.0}),
        ({"price": None}, "price", None),
        ({"timeout_s": 5}, "timeout_s", 5.0),
        ({"timeout_s": None}, "timeout_s", None),
        ({"first_chunk_timeout_s": 5}, "first_chunk_timeout_s", 5.0),
        ({"idle_timeout_s": None}, "idle_timeout_s", None),
        ({"health": {"min_calls": 9}}, "health", {"min_calls": 9}),
        ({"health": None}, "health", None),
        ({"probe": {"every_s": 86400}}, "probe", {"every_s": 86_400}),
        ({"probe": None}, "probe", None),
        ({"is_active": True}, "is_active", True),
        ({"api_key": None}, "sealed_api_key", None),
        ({"headers": {}}, "sealed_headers", None),
        ({"headers": None}, "sealed_headers", None),
        ({"endpoint_url": "http://host/v2/"}, "endpoint_url", "http://host/v2"),
        ({"endpoint_url": None}, "endpoint_url", "http://host/v1"),
        ({"provider": "anthropic-compatible"}, "wire_format", "anthropic"),
        ({"provider": None}, "wire_format", "openai"),
    ],
)  # fmt: skip
def test_a_change_of_one_field_changes_that_column_only(change: dict[str, object], column: str, value: Any) -> None:
    before = created(FULL)
    after = changed_model(RING, "acme", row(before), validated(CustomModelChange, change))
    assert getattr(after, column) == value
    assert after == before._replace(**{column: value})


def test_a_new_key_is_sealed_in_place_of_the_old_one() -> None:
    assert opened("model_api_key", changed({"api_key": "new"}).sealed_api_key) == b"new"


def test_new_headers_are_sealed_in_place_of_the_old_ones() -> None:
    assert orjson.loads(opened("model_headers", changed({"headers": {"a": "b"}}).sealed_headers)) == {"a": "b"}


ELSEWHERE = ["https://host/v1", "http://other/v1", "http://host:8080/v1"]


@pytest.mark.parametrize("endpoint_url", ELSEWHERE)
@pytest.mark.parametrize(
    ("fields", "unsaid"),
    [({}, "api_key and headers"), ({"api_key": None}, "headers"), ({"headers": {"x-team": "new"}}, "api_key")],
)
def test_stored_secrets_do_not_move_to_another_server_unsaid(
    endpoint_url: str, fields: dict[str, object], unsaid: str
) -> None:
    with pytest.raises(InvalidBodyError, match=f"the stored {unsaid} would be sent there") as caught:
        changed({"endpoint_url": endpoint_url} | fields)
    assert caught.value.param == "endpoint_url"
    assert caught.value.failure.http_status == 400
    assert caught.value.failure.tips[0].startswith(f"Send {unsaid} too")


@pytest.mark.parametrize("endpoint_url", ELSEWHERE)
def test_a_model_moves_with_what_is_said_of_its_secrets(endpoint_url: str) -> None:
    model = changed({"endpoint_url": endpoint_url, "api_key": "new", "headers": None})
    assert (model.endpoint_url, model.sealed_headers) == (endpoint_url, None)
    assert opened("model_api_key", model.sealed_api_key) == b"new"
    assert changed({"endpoint_url": endpoint_url}, LEAST).endpoint_url == endpoint_url


def test_a_change_of_the_server_is_put_on_record() -> None:
    before = row(created(LEAST))
    assert servers_changed(before, changed({"endpoint_url": "https://other/v1"}, LEAST)) == {
        "old_server": "host:80",
        "new_server": "other:443",
    }
    assert servers_changed(before, changed({"endpoint_url": "http://host/v2"}, LEAST)) == {}


def test_what_is_stored_can_be_called_with_its_secrets() -> None:
    model = callable_model("acme", row(created(FULL)))
    assert (model.id, model.upstream_model, model.completions_url) == (
        "custom:my-model", "upstream", "http://host/v1/chat/completions",
    )  # fmt: skip
    assert open_secrets(RING, model) == ModelSecrets("opensesame", {"x-team": "opensesame too"})


def test_a_new_endpoint_is_read_in_the_format_that_it_will_have() -> None:
    model = changed({"provider": "anthropic-compatible", "endpoint_url": "http://host/v1/messages"})
    assert (model.wire_format, model.endpoint_url) == ("anthropic", "http://host/v1")


def test_a_new_endpoint_is_read_in_the_format_that_the_model_has() -> None:
    assert changed({"endpoint_url": "http://host/v1/messages"}, LEAST).endpoint_url == "http://host/v1"


@pytest.mark.parametrize(
    "change",
    [
        {"description": None},
        {"config": None},
        {"is_active": None},
        {"api_key": ""},
        {"model_id": "other"},
        {"endpoint_url": "host"},
        {"provider": "other"},
    ],
)
def test_what_cannot_be_stored_is_refused_by_name(change: dict[str, object]) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        changed(change)
    assert caught.value.param == next(iter(change))


@pytest.mark.parametrize(("written", "name"), [("m", "m"), ("custom:m", "m"), ("custom:custom:m", "custom:m")])
def test_an_id_may_be_written_with_or_without_its_kind(written: str, name: str) -> None:
    assert model_name_of(written) == name
