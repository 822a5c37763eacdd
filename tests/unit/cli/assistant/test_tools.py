"""What each tool asks of the gateway, and what it tells of the answer."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from services.cli.assistant.pages import PAGE_BYTES
from services.cli.assistant.server import answered
from services.cli.assistant.tools import TOOLS, Asking
from shared.client import Client
from tests.support.stub_gateway import StubGateway, Told, problem, running_stub
from tests.unit.cli.monitoring.test_inferences import item, page
from tests.unit.cli.monitoring.test_monitor import summary_body

ID = UUID("0199c9f0-aaaa-7bbb-8ccc-1234567890ab")
KNOWN = {"as_of": "2026-01-02T03:05:00+00:00", "lag_s": 0.25}


@pytest.fixture
def gateway() -> Iterator[StubGateway]:
    with running_stub() as stub:
        yield stub


def told(gateway: StubGateway, tool: str, arguments: dict[str, Any] | None = None, *, content: bool = False) -> Any:
    result = answered(Asking(Client(gateway.url, "tg_key"), content), tool, arguments or {})
    [text] = result.content
    assert text.type == "text"
    assert len(text.text.encode()) <= PAGE_BYTES
    return text.text if result.is_error else json.loads(text.text)


def test_the_summary_with_the_models_that_are_asked_most_first(gateway: StubGateway) -> None:
    body = summary_body()
    body["requests"]["by_model"] = {f"custom:model-{n:04}": {"total": n, "succeeded": n} for n in range(1000)}
    body["errors"] = [body["errors"][0] | {"detail": "x" * 2000}] * 20
    gateway.answers["GET /api/monitoring/summary?window=7d&model=custom%3Aa"] = (200, body)

    summary = told(gateway, "summary", {"window": "7d", "model": "custom:a"})

    shown = summary["requests"]["by_model"]
    assert next(iter(shown)) == "custom:model-0999"
    assert len(shown) == 1000 - summary["requests"]["by_model_left_out"] == 30
    assert 0 < len(summary["errors"]) == 20 - summary["errors_left_out"]


def test_spending_adds_up_and_names_who_spent_most_first(gateway: StubGateway) -> None:
    series = [{"group": "custom:a", "points": [["d1", 0.25], ["d2", None]]}, {"group": "b", "points": [["d1", 2.0]]}]
    asked = "from=2026-01-01&group=key&step=1d&measure=cost"
    gateway.answers[f"GET /api/monitoring/timeseries?{asked}"] = (200, KNOWN | {"series": series})

    spent = told(gateway, "spending", {"from": "2026-01-01", "group": "key"})

    assert spent["total_usd"] == 2.25
    assert spent["series"] == [
        {"group": "b", "first_at": "d1", "values": [2.0], "usd": 2.0},
        {"group": "custom:a", "first_at": "d1", "values": [0.25, None], "usd": 0.25},
    ]


def test_series_go_on_from_page_to_page(gateway: StubGateway) -> None:
    series = [{"group": f"m{n}", "points": [["2026-01-02T03:05:00+00:00", 1.0]] * 1000} for n in range(20)]
    gateway.answers["GET /api/monitoring/timeseries?measure=p95&group=model"] = (
        200,
        KNOWN | {"series": series},
    )

    asked = {"measure": "p95", "group": "model"}
    pages = [told(gateway, "timeseries", asked)]
    while cursor := pages[-1]["next_cursor"]:
        pages.append(told(gateway, "timeseries", asked | {"cursor": cursor}))

    assert len(pages) > 1
    groups = [one["group"] for each in pages for one in each["series"]]
    assert groups == [f"m{n}" for n in range(20)]


def test_errors_by_their_filters(gateway: StubGateway) -> None:
    asked = "window=1h&model=custom%3Aa&error_type=overloaded"
    gateway.answers[f"GET /api/monitoring/errors?{asked}"] = (200, KNOWN | {"groups": [{"count": 3}], "total": 3})

    arguments = {"window": "1h", "model": "custom:a", "error_type": "overloaded"}
    assert told(gateway, "errors", arguments) == KNOWN | {"groups": [{"count": 3}], "total": 3, "next_cursor": None}


def test_of_thousands_of_models_those_that_are_not_well_are_told(gateway: StubGateway) -> None:
    models = [{"model": f"custom:{n}", "status": "healthy" if n < 1990 else "unhealthy"} for n in range(2000)]
    body = KNOWN | {"models": models, "items": [{"model": "custom:1"}], "at_from": models, "next_cursor": "c"}
    gateway.answers["GET /api/monitoring/health?limit=20"] = (200, body)

    health = told(gateway, "health")

    assert [model["status"] for model in health["models"]] == ["unhealthy"] * 10 + ["healthy"] * 5
    assert health["models_left_out"] == health["at_from_left_out"] == 1985
    assert (health["items"], health["next_cursor"]) == ([{"model": "custom:1"}], "c")


def test_of_large_inferences_fewer_are_asked_for_until_they_fit(gateway: StubGateway) -> None:
    large = item(tags={f"t{n}": "x" * 256 for n in range(16)})
    for limit in (20, 10, 5, 2):
        body = page(*[large] * limit, next_cursor="c")
        gateway.answers[f"GET /api/inferences?state=failed&limit={limit}&cursor=abc"] = (200, body)

    shown = told(gateway, "list_inferences", {"state": "failed", "cursor": "abc"})

    assert len(shown["items"]) == 2
    assert shown["next_cursor"] == "c"


@pytest.mark.parametrize("content", [False, True])
def test_no_content_is_told_unless_it_is_allowed(gateway: StubGateway, content: bool) -> None:
    timeline = {"inference_id": str(ID), "candidates": [], "attempts": [{"n": 1}], "result": {"text": "secret"}}
    gateway.answers[f"GET /api/inferences/{ID}"] = (200, timeline)

    shown = told(gateway, "show_inference", {"inference_id": str(ID)}, content=content)

    assert ("secret" in json.dumps(shown)) is content
    assert shown["attempts"] == [{"n": 1}]


def test_what_is_open_long_after_its_deadline_is_overdue(gateway: StubGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(asked: Any) -> Told:
        if asked.path.startswith("/api/monitoring/summary"):
            return 200, summary_body()
        assert asked.path.startswith("/api/inferences?from=")
        return 200, page(item(state="running")) if "state=running" in asked.path else page()

    monkeypatch.setattr(gateway, "answer", answer)

    balance = told(gateway, "balance")

    assert (balance["sound"], balance["overdue"]) == (False, [str(ID)])
    assert balance["attempts"] == {"total": 4, "succeeded": 2, "failed": 2, "open": 0}


def test_a_refusal_is_told_with_the_remedy(gateway: StubGateway) -> None:
    tip = "Ask for a key with the scope monitor."
    gateway.answers["GET /api/monitoring/summary"] = (403, problem("permission_denied", "not with this key", tip))

    assert told(gateway, "summary") == f"permission_denied: not with this key\n→ {tip}"


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        (
            "summary",
            {"modle": "custom:a"},
            "modle: Extra inputs are not permitted\n→ It takes: window, from, to, model",
        ),
        ("timeseries", {"measure": "p42"}, "measure: Input should be 'requests'"),
        ("list_inferences", {"limit": 1000}, "limit: Input should be less than or equal to 50"),
        ("show_inference", {"inference_id": "x"}, "inference_id: Input should be a valid UUID"),
        ("drop", {}, "there is no tool 'drop'\n→ There are: summary, spending"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_arguments_that_are_wrong_are_named(
    gateway: StubGateway, tool: str, arguments: dict[str, Any], said: str
) -> None:
    assert said in told(gateway, tool, arguments)
    assert gateway.asked == []


def test_a_gateway_that_is_away_is_said() -> None:
    result = answered(Asking(Client("http://127.0.0.1:1", "tg_key")), "errors", {})
    assert result.is_error
    assert "nothing answers at http://127.0.0.1:1" in str(result.content)
    assert "→ Start it: make run" in str(result.content)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_what_a_tool_takes_is_typed_and_closed(tool: Any) -> None:
    schema = tool.question.model_json_schema()
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert all({"type", "anyOf", "enum", "$ref"} & set(field) for field in schema["properties"].values())
