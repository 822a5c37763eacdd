"""Whatever is listed fits a terminal of 80 columns, and what identifies or counts a thing is whole."""

import io
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

from services.cli.dead_letters.views import listed, shown
from services.cli.listing import Fields, Listing, Wrapped, fitted
from tests.support.stub_gateway import StubGateway, problem
from tests.unit.cli.conftest import Run
from tests.unit.cli.monitoring.test_monitor import summary_body

COLUMNS = 80
MODEL = "custom:" + "a-very-long-model-name-" * 2 + "x"
HOST = "inference-17.eu-central-1.models.internal.example.com:8443"
URL = f"https://{HOST}/v1"
UPSTREAM = "org/Some-Very-Long-Upstream-Model-Name-120B-Instruct-2507"
ID = "0199c9f0-aaaa-7bbb-8ccc-1234567890ab"
TENANT = "t-" + "of-a-department-" * 3 + "x"
AT = "2026-01-02T03:04:05+00:00"
REASON = "the last 20 calls of it failed in a row; it is paused and will be tried again later, as the policy has it"
ERROR = {"error_type": "context_length_exceeded", "detail": f"{HOST}: {REASON}", "tips": [REASON], "title": "Too long"}
TERMS = {"policy": "cheapest", "provider_allow": [f"openai:{UPSTREAM}", MODEL], "usd_per_day": 1234567.25}
AS_READ = "2026-01-02 03:04:05"

_MODELS = [{"id": MODEL, "kind": "custom", "usable": False, "server_address": HOST, "upstream_model": UPSTREAM,
            "context_window": 1234567, "price": {"input_per_mtok_usd": 1.25, "output_per_mtok_usd": 4.5},
            "reason": REASON}]  # fmt: skip
_TIMELINE = {
    "inference_id": ID, "state": "failed", "duration_s": 1.5, "model_requested": MODEL, "model_served": None,
    "accepted_at": AT, "candidates": [{"model": MODEL, "reason": REASON, "chosen": True}], "error": None,
    "attempts": [{"attempt_number": 1, "model": MODEL, "outcome": "failed", "duration_s": 1.5, "server_address": HOST,
                  "error": ERROR}],
}  # fmt: skip
_SUMMARY = summary_body(issues=[f"{MODEL}: {REASON}"])
_SUMMARY["requests"] |= {"by_model": {MODEL: {"total": 123456789, "succeeded": 100000000, "failed": 23456789}}}
_SUMMARY["errors"] = [ERROR | {"at": AT, "model": MODEL, "inference_id": ID}]
_KEY = {"key_id": "0123456789abcdef", "tenant": TENANT, "scopes": ["inference", "models", "monitor", "features"],
        "name": "of the nightly batch", "allowed_models": [MODEL], "created_at": AT, "revoked_at": AT}  # fmt: skip
_CHANGE = {"at": AT, "tenant": TENANT, "key_id": "0123456789abcdef", "action": "model.changed", "subject": MODEL,
           "details": {"fields": ["endpoint_url", "config"], "to": URL}}  # fmt: skip
_TENANT = {"tenant": TENANT, "plan": "of-the-whole-department", "keys": 12, "models": 345, "created_at": AT,
           "terms": TERMS, "own_terms": {}, "spent": {"usd_day": 1234.5678, "usd_month": 12345678.25}}  # fmt: skip
_JOB = {"feature_id": ID, "state": "completed", "step": "generating", "generator": "llm", "inferences": [1, 2],
        "cost_usd": 0.000007, "accepted_at": AT, "error": ERROR}  # fmt: skip
_PROVIDER = {"name": "openrouter", "key": "none", "key_required": True, "base_url": URL, "models": [UPSTREAM, "b"],
             "key_updated_at": AT}  # fmt: skip
_SELECTED = {"candidates": [{"model": MODEL, "reason": REASON}],
             "passed_over": [{"model": UPSTREAM, "reason": REASON}],
             "needs": {"prompt_tokens": 1, "answer_tokens": None}, "over_budget": ERROR,
             "policy": "cheapest"}  # fmt: skip
_PRESET = {"name": "vllm", "title": "vLLM", "endpoint_url": URL, "key": "optional", "hint": REASON, "key_from": None}
_PLAN = {"plan": "of-the-whole-department", "terms": TERMS, "updated_at": AT}

_INFERENCE = {"inference_id": ID, "state": "failed", "operation": "chat", "accepted_at": AT, "settled_at": AT,
              "model_requested": MODEL, "model_served": None, "attempts": 3, "error_type": "context_length_exceeded",
              "duration_s": 1.5, "usage": {"input_tokens": 123456, "output_tokens": 789, "state": "reported"},
              "cost_usd": 0.000007}  # fmt: skip
_INFERENCES = {"items": [_INFERENCE], "next_cursor": "abc", "looked_to": AT, "as_of": AT, "lag_s": 0.0}

# What is asked, what the gateway answers, and what of it must stand on a line as a whole.
LISTS: list[tuple[str, str, Any, tuple[str, ...]]] = [
    ("models list", "GET /api/models/list", {"models": _MODELS}, (MODEL, HOST, UPSTREAM, "1234567", "$1.25 / $4.5")),
    ("models presets", "GET /api/models/presets", {"presets": [_PRESET]}, ("vllm", URL)),
    ("models show m", "GET /api/models/custom/m", _MODELS[0], (MODEL, HOST, UPSTREAM)),
    ("models select", "POST /api/models/select", _SELECTED, (MODEL, UPSTREAM)),
    ("monitor", "GET /api/monitoring/summary", _SUMMARY, (MODEL, HOST, ID, "123456789", AS_READ)),
    ("inferences list", "GET /api/inferences?limit=50", _INFERENCES, (MODEL, ID, "123456 → 789", "--cursor abc")),
    ("top --once", "GET /api/monitoring/summary?window=5m", _SUMMARY, (MODEL, ID, "123456789")),
    (f"show {ID}", f"GET /api/inferences/{ID}", _TIMELINE, (MODEL, HOST, ID)),
    ("keys list", "GET /api/keys", {"keys": [_KEY]}, ("0123456789abcdef", TENANT, MODEL, AS_READ)),
    ("tenants list", "GET /api/tenants", {"tenants": [_TENANT]}, (TENANT, "12345678.2500")),
    ("tenants show t", "GET /api/tenants/t", _TENANT, (TENANT, UPSTREAM, MODEL, "1,234.5678 spent")),
    ("plans list", "GET /api/plans", {"plans": [_PLAN]}, ("of-the-whole-department", AS_READ)),
    ("providers list", "GET /api/providers", {"providers": [_PROVIDER]}, ("openrouter", URL, UPSTREAM, AS_READ)),
    ("changes", "GET /api/changes?limit=50", {"changes": [_CHANGE], "next": None}, (TENANT, MODEL, AS_READ)),
    ("feature list", "GET /api/features", {"features": [_JOB]}, (ID, "context_length_exceeded", AS_READ)),
    ("errors", "", None, ("context_length_exceeded", "authentication_failed")),
]  # fmt: skip


@pytest.mark.parametrize(("command", "asked", "body", "whole"), LISTS, ids=[one[0] for one in LISTS])
def test_a_command_fits(
    gateway: StubGateway, run: Run, monkeypatch: pytest.MonkeyPatch,
    command: str, asked: str, body: Any, whole: tuple[str, ...],
) -> None:  # fmt: skip
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    gateway.answers[asked] = (200, body)
    gateway.answers["GET /api/instances"] = (403, problem("permission_denied", "for operators"))

    done = run(*command.split())

    assert done.exit_code == 0, done.output
    check(done.stdout.splitlines(), *whole)


def test_the_state_of_services_fits(gateway: StubGateway, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    for service in ("MONITOR_URL", "ROUTER_URLS", "FEATURES_URLS", "JOBS_URLS"):
        monkeypatch.setenv(f"TALLYGATE_{service}", gateway.url)
    gateway.answers["GET /readyz"] = (503, {"service": "gateway", "reasons": {"kafka": REASON, "database": REASON}})
    gateway.answers["GET /api/models/custom/monitoring"] = (503, problem("unavailable", f"{HOST}: {REASON}"))

    check(run("status").stdout.splitlines(), gateway.url, HOST)


def test_a_refusal_fits(gateway: StubGateway, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    attempts = [{"model": MODEL, "error_type": "overloaded", "detail": f"{HOST}: {REASON}"}]
    gateway.answers["GET /api/keys"] = (503, problem("overloaded", REASON, REASON, inference_id=ID, attempts=attempts))

    check(run("keys", "list").stderr.splitlines(), MODEL, HOST, ID)


def test_dead_letters_fit() -> None:
    letter_id = "inference.requests.v1.dlq/63/123456789012"
    entry = {"id": letter_id, "at": AT, "error_type": "invalid_request", "reason": REASON, "size": 1234567,
             "source_topic": "inference.requests.v1", "source_partition": 63, "source_offset": 123456789012,
             "left_out": None, "replayed_from": letter_id, "key": "ab" * 16,
             "headers": [{"name": "traceparent", "value": URL}]}  # fmt: skip
    topic = {"topic": "inference.requests.v1", "dlq": "inference.requests.v1.dlq", "count": 1, "entries": [entry]}

    check(lines(listed({"topics": [topic]})), letter_id, AS_READ)
    check(lines(shown(entry | {"body": json.dumps([URL] * 9)})), letter_id, "ab" * 16, AS_READ)


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), max_size=100)


@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=3), st.integers(20, 120))
@example([(" 00000000000000", "", "")], 20)  # a space, and a word that just fits
def test_nothing_is_wider_than_the_terminal_or_lost(rows: list[tuple[str, str, str]], columns: int) -> None:
    listing = Listing("id", "why", "count", numbers=("count",))
    for row in rows:
        listing.add_row(*map(Text, row))
    fields = Fields([("name", Text(row[0])) for row in rows])
    wrapped = Wrapped(Text(rows[0][0]))

    for renderable, values in ((listing, [one for row in rows for one in row]), (fields, [one[0] for one in rows])):
        shown_lines = lines(renderable, columns)
        assert max(map(cell_len, shown_lines), default=0) <= columns
        text = "".join(shown_lines)
        assert all(text.count(char) >= value.count(char) for value in values for char in value if not char.isspace())
    assert max(map(cell_len, lines(wrapped, columns)), default=0) <= columns


def test_a_pipe_gets_whole_lines(gateway: StubGateway, run: Run) -> None:
    gateway.answers["GET /api/models/list"] = (200, {"models": _MODELS})

    row = next(line for line in run("models", "list").stdout.splitlines() if line.startswith(MODEL))

    assert row.split() == [MODEL, "✗", HOST, UPSTREAM, "1234567", "$1.25", "/", "$4.5"]


def test_columns_share_what_is_left() -> None:
    assert fitted([3, 4], [3, 4], 9) == [3, 4]
    assert fitted([3, 4], [3, 40], 19) == [3, 14]
    assert fitted([10, 10], [20, 90], 62) == [20, 40]
    assert fitted([3, 4], [3, 4], 8) is None


def lines(renderable: RenderableType, columns: int = COLUMNS) -> list[str]:
    """As a terminal of so many columns shows it."""
    screen = io.StringIO()
    Console(file=screen, width=columns, force_terminal=True, color_system=None, highlight=False).print(renderable)
    return [line.rstrip() for line in screen.getvalue().split("\n")]


def check(shown_lines: list[str], *whole: str) -> None:
    assert [line for line in shown_lines if cell_len(line.rstrip()) > COLUMNS] == []
    for value in whole:
        assert any(value in line for line in shown_lines), (value, "\n".join(shown_lines))
