from typing import Any

from tests.support.stub_gateway import StubGateway
from tests.unit.cli.conftest import Run

BUSY = {"error_type": "overloaded", "detail": "h:80 answered 503: [busy]", "tips": ["Try again later"]}


def test_the_timeline_tells_who_was_considered_tried_and_why_it_failed(gateway: StubGateway, run: Run) -> None:
    gateway.answers["GET /api/inferences/01"] = (200, _timeline())

    assert run("show", "01").stdout.splitlines() == [
        "inference 01 completed in 1.50 s",
        "├── asked for auto · served by custom:b · accepted 2026-01-02 03:04:05 UTC · delivery 2",
        "├── candidates",
        "│   ├── ✓ custom:a  the tenant's own model",
        "│   └── - custom:c  not active",
        "└── attempts",
        "    ├── 1 custom:a  failed after 1 ms at h:80",
        "    │   └── overloaded: h:80 answered 503: [busy]",
        "    ├── 2 custom:a  failed after 1 ms at h:80",
        "    │   └── overloaded: h:80 answered 503: [busy]",
        "    │       → Try again later",
        "    └── 3 custom:b  succeeded after 20 ms at h:80 (5 → 6 tokens, $0.00001)",
    ]


def test_cached_tokens_are_told(gateway: StubGateway, run: Run) -> None:
    cached = _succeeded(1) | {"input_tokens": 500, "cache_read_tokens": 450, "cache_write_tokens": 0}
    gateway.answers["GET /api/inferences/01"] = (200, _timeline() | {"attempts": [cached]})

    assert run("show", "01").stdout.splitlines()[-1].endswith("(500 → 6 tokens, 450 of them cached, $0.00001)")


def test_of_a_stream_its_first_chunk_is_told_and_that_tokens_are_estimated(gateway: StubGateway, run: Run) -> None:
    usage = {"input_tokens": 5, "output_tokens": 6, "state": "estimated"}
    cut = _succeeded(1) | {"first_chunk_s": 0.01, "chunks": 3, "usage": usage}
    gateway.answers["GET /api/inferences/01"] = (200, _timeline() | {"attempts": [cut]})

    assert ", the first chunk after 10 ms at h:80 (estimated 5 → 6 tokens" in run("show", "01").stdout


def test_what_has_just_been_accepted(gateway: StubGateway, run: Run) -> None:
    accepted = {"inference_id": "01", "state": "accepted", "accepted_at": "2026-01-02T03:04:05+00:00"}
    nothing: dict[str, Any] = {
        "model_requested": None,
        "model_served": None,
        "candidates": [],
        "attempts": [],
        "error": None,
    }
    gateway.answers["GET /api/inferences/01"] = (200, accepted | nothing)

    assert run("show", "01").stdout.splitlines()[-1] == "└── no attempts"


def test_an_error_of_the_inference_itself(gateway: StubGateway, run: Run) -> None:
    expired = {"error_type": "expired", "detail": "no answer within 1.0 s", "tips": []}
    gateway.answers["GET /api/inferences/01"] = (200, _timeline() | {"state": "expired", "error": expired})

    assert run("show", "01").stdout.splitlines()[-2:] == ["└── error", "    └── expired: no answer within 1.0 s"]


def test_who_asked_and_what_they_said_of_it(gateway: StubGateway, run: Run) -> None:
    asked = {"key": "k1", "session": "s:1", "tags": {"team": "search", "env": "\x1b[31mprod"}}
    gateway.answers["GET /api/inferences/01"] = (200, _timeline() | asked)

    assert run("show", "01").stdout.splitlines()[2] == r"├── key k1 · session s:1 · team=search · env=\x1b[31mprod"


def _timeline() -> dict[str, Any]:
    return {
        "inference_id": "01",
        "state": "completed",
        "accepted_at": "2026-01-02T03:04:05.678+00:00",
        "duration_s": 1.5,
        "delivery": 2,
        "model_requested": None,
        "model_served": "custom:b",
        "candidates": [
            {"model": "custom:a", "reason": "the tenant's own model", "chosen": True},
            {"model": "custom:c", "reason": "not active", "chosen": False},
        ],
        "attempts": [_failed(1), _failed(2), _succeeded(3)],
        "error": None,
    }


def _failed(number: int) -> dict[str, Any]:
    return {"attempt_number": number, "model": "custom:a", "server_address": "h:80"} | {
        "duration_s": 0.001,
        "outcome": "failed",
        "error": BUSY,
    }


def _succeeded(number: int) -> dict[str, Any]:
    return {"attempt_number": number, "model": "custom:b", "server_address": "h:80", "cost_usd": 0.00001} | {
        "duration_s": 0.02,
        "outcome": "succeeded",
        "input_tokens": 5,
        "output_tokens": 6,
        "error": None,
    }
