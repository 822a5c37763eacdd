from typing import Any

import pytest

from services.cli.models.file import ModelEntry
from services.cli.models.plan import planned
from shared.client import ProblemError

LEAST = {"model_id": "m", "endpoint_url": "http://h/v1", "provider": "openai-compatible"}
EXISTING: dict[str, Any] = {
    **LEAST,
    "model_name": "m",
    "description": "",
    "has_api_key": True,
    "has_headers": False,
    "config": {"model": "llama"},
    "capabilities": {},
    "context_window": 8192,
    "max_concurrency": None,
    "price": {"input_per_mtok_usd": 0.1, "output_per_mtok_usd": 0.2},
    "timeout_s": None,
    "first_chunk_timeout_s": None,
    "idle_timeout_s": None,
    "weight": None,
    "health": None,
    "probe": None,
    "is_active": True,
}


def entry(**fields: Any) -> ModelEntry:
    return ModelEntry.model_validate(LEAST | fields)


def test_what_is_not_there_is_created_with_what_was_said() -> None:
    model_entry = entry(api_key={"env": "KEY"}, headers={"x-a": {"env": "A"}}, weight=2)

    plan = planned(model_entry, {"api_key": "sk", "headers.x-a": "1"}, None)

    assert plan.status == "created"
    assert plan.body == {**LEAST, "api_key": "sk", "headers": {"x-a": "1"}, "weight": 2}


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"endpoint_url": "http://h/v1/chat/completions"},
        {"model_name": None},
        {"capabilities": {"tasks": None}},
        {"price": {"input_per_mtok_usd": 0.1, "output_per_mtok_usd": 0.2}},
        {"headers": {}},
        {"config": {"model": "llama"}, "is_active": True},
    ],
)
def test_what_says_the_same_changes_nothing(same: dict[str, Any]) -> None:
    plan = planned(entry(**same), {}, EXISTING)

    assert (plan.status, plan.fields, plan.body) == ("unchanged", (), {})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("endpoint_url", "http://h/v2"),
        ("provider", "anthropic-compatible"),
        ("model_name", "M"),
        ("context_window", None),
        ("capabilities", {"vision": False}),
        ("config", {}),
        ("price", None),
        ("is_active", False),
        ("api_key", None),
    ],
)
def test_only_what_differs_is_sent(field: str, value: object) -> None:
    plan = planned(entry(**{field: value}), {}, EXISTING)

    assert (plan.status, plan.fields, plan.body) == ("changed", (field,), {field: value})


def test_stored_secrets_do_not_move_to_another_server_unsaid() -> None:
    with pytest.raises(ProblemError, match="m: its endpoint_url leads to another server") as caught:
        planned(entry(endpoint_url="http://other/v1", headers={}), {}, EXISTING | {"has_headers": True})
    assert "the stored api_key may be sent there; nothing was changed" in caught.value.problem.detail
    assert "Write api_key too" in caught.value.problem.tips[0]

    moved = planned(entry(endpoint_url="http://other/v1", api_key=None, headers=None), {}, EXISTING)
    assert moved.body == {"endpoint_url": "http://other/v1", "api_key": None}
    moved = planned(entry(endpoint_url="http://other/v1", api_key={"env": "KEY"}), {"api_key": "sk"}, EXISTING)
    assert moved.body == {"endpoint_url": "http://other/v1", "api_key": "sk"}
    assert planned(entry(endpoint_url="http://other/v1"), {}, EXISTING | {"has_api_key": False}).status == "changed"


def test_a_secret_is_always_sent_and_differs_when_there_was_none() -> None:
    again = planned(entry(api_key={"env": "KEY"}), {"api_key": "sk"}, EXISTING)
    new = planned(entry(headers={"x-a": {"env": "A"}}), {"headers.x-a": "1"}, EXISTING)

    assert (again.status, again.fields, again.body) == ("unchanged", (), {"api_key": "sk"})
    assert (new.status, new.fields, new.body) == ("changed", ("headers",), {"headers": {"x-a": "1"}})
