import json
from typing import Any

from tests.support.stub_gateway import StubGateway
from tests.unit.cli.conftest import Run


def item(**fields: Any) -> dict[str, Any]:
    return {
        "inference_id": "0199c9f0-aaaa-7bbb-8ccc-1234567890ab",
        "state": "completed",
        "operation": "chat",
        "accepted_at": "2026-01-02T03:04:05.678+00:00",
        "settled_at": "2026-01-02T03:04:07.178+00:00",
        "model_requested": None,
        "model_served": "custom:a",
        "attempts": 1,
        "error_type": None,
        "duration_s": 1.5,
        "first_chunk_s": None,
        "usage": {"input_tokens": 5, "output_tokens": 6, "state": "reported"},
        "cost_usd": 0.00001,
        "session": "s",
        "tags": {"team": "x"},
        "key": "k1",
    } | fields


def page(*items: dict[str, Any], next_cursor: str | None = None) -> dict[str, Any]:
    known = {"as_of": "2026-01-02T03:05:00+00:00", "lag_s": 0.25, "looked_to": "2026-01-02T02:30:00+00:00"}
    return {"items": list(items), "next_cursor": next_cursor} | known


def test_a_page_for_people_and_where_it_goes_on(gateway: StubGateway, run: Run) -> None:
    unknown = {"input_tokens": None, "output_tokens": 3, "state": "estimated"}
    failed = item(state="failed", model_served=None, model_requested="custom:b", error_type="overloaded", usage=unknown)
    gateway.answers["GET /api/inferences?limit=50"] = (200, page(item(), failed, next_cursor="abc"))

    _, first, second, _, *last = (line.rstrip() for line in run("inferences", "list").stdout.splitlines())

    at_and_id = ["2026-01-02", "03:04:07", "0199c9f0-aaaa-7bbb-8ccc-1234567890ab"]
    assert first.split() == [*at_and_id, "completed", "custom:a", "1", "1.50", "s", "5", "→", "6", "$0.00001"]
    told = ["1.50", "s", "?", "→", "3", "(estimated)", "$0.00001", "overloaded"]
    assert second.split() == [*at_and_id, "failed", "custom:b", "1", *told]
    assert last == [
        "as of 2026-01-02 03:05:00 UTC, the books are 250 ms behind",
        "looked back to 2026-01-02 02:30:00 UTC; there may be more: --cursor abc",
    ]


def test_every_filter_is_asked_for_and_json_is_what_came(gateway: StubGateway, run: Run) -> None:
    filters = {
        "from": "2026-01-01", "to": "2026-01-02", "state": "failed", "model": "custom:a", "error_type": "overloaded",
        "operation": "chat", "key": "k1", "session": "s", "tag": "team=x", "limit": "10", "cursor": "abc",
    }  # fmt: skip
    asked = "&".join(f"{name}={value}" for name, value in filters.items()).replace(":", "%3A").replace("m=x", "m%3Dx")
    gateway.answers[f"GET /api/inferences?{asked}"] = (200, page(item()))
    options = [(f"--{name.replace('_', '-')}".replace("--key", "--key-id"), value) for name, value in filters.items()]

    done = run("inferences", "list", *(word for option in options for word in option), "--json")

    assert json.loads(done.stdout) == page(item())


def test_nothing_like_that_so_far(gateway: StubGateway, run: Run) -> None:
    gateway.answers["GET /api/inferences?window=7d&limit=50"] = (200, page(next_cursor="abc"))

    none, _, more = run("inferences", "list", "--window", "7d").stdout.splitlines()

    assert none == "There is no such inference in that span."
    assert more.endswith("--cursor abc")


def test_escapes_in_names_and_types_are_shown_as_text(gateway: StubGateway, run: Run) -> None:
    hostile = item(model_served="custom:\x1b[31m<script>", error_type="\x9b2J", state="\u202edeliaf")
    gateway.answers["GET /api/inferences?limit=50"] = (200, page(hostile))

    printed = run("inferences", "list").stdout

    assert r"custom:\x1b[31m<script>" in printed
    assert r"\x9b2J" in printed
    assert r"\u202edeliaf" in printed
