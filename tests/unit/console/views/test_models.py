"""Models as they are listed, and forms about them."""

from typing import Any

from services.console.views.models import MOST_SHOWN, change_body, models, setup_body


def model(model_id: str, status: str = "healthy", *, usable: bool = True) -> dict[str, Any]:
    kind = "custom" if model_id.startswith("custom:") else "provider"
    health = {"status": status}
    return {"id": model_id, "kind": kind, "server_address": "gpu.example:80", "usable": usable, "health": health}


LISTED = [model("openai:b"), model("custom:a", "unhealthy"), model("custom:c", usable=False)]


def ids(**query: str) -> list[str]:
    return [shown["id"] for shown in models(LISTED, query).shown]


def test_own_ones_come_first_and_each_filter_narrows() -> None:
    assert ids() == ["custom:a", "custom:c", "openai:b"]
    assert ids(kind="provider") == ["openai:b"]
    assert ids(state="unusable") == ["custom:c"]
    assert ids(q="CUSTOM:", state="unhealthy") == ["custom:a"]
    assert ids(q="gpu.example", kind="custom") == ["custom:a", "custom:c"]


def test_states_are_counted_of_all_whatever_is_shown() -> None:
    found = models(LISTED, {"q": "nothing has this"})

    assert (found.total, found.matching, found.states) == (3, 0, {"healthy": 1, "unhealthy": 1, "unusable": 1})


def test_a_page_holds_so_many_and_knows_how_many_there_are() -> None:
    found = models([model(f"custom:m{number}") for number in range(MOST_SHOWN + 5)], {})

    assert (len(found.shown), found.matching) == (MOST_SHOWN, MOST_SHOWN + 5)


def test_a_setup_asks_for_what_was_given_and_leaves_the_rest_to_the_gateway() -> None:
    fields = {"model_id": "custom:m", "endpoint_url": " http://x/v1 ", "provider": "", "api_key": "", "model": "demo"}

    assert setup_body(fields) == {"model_id": "m", "endpoint_url": "http://x/v1", "config": {"model": "demo"}}


def test_a_change_takes_away_what_is_empty_and_keeps_the_stored_key() -> None:
    body = change_body({"endpoint_url": "http://x/v1", "api_key": "", "description": "", "weight": "0"})

    assert "api_key" not in body
    assert (body["price"], body["timeout_s"], body["description"], body["weight"]) == (None, None, "", 0)
