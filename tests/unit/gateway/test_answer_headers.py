"""What every answer says of itself, whatever it is, by the names that the clients of its surface read."""

from typing import Any

import pytest

from services.gateway.headers import openai_limits
from shared.selection.budgets import Allowance
from tests.support.gateway_app import Here, gateway_here, told

CHAT = b'{"model": "custom:m", "messages": [{"role": "user", "content": "hi"}]}'
_JSON = (b"content-type", b"application/json")

# One for each way in which an answer is made.
_ANSWERS = [
    pytest.param("POST", "/v1/chat/completions", CHAT, 504, id="an-inference-that-failed"),
    pytest.param("POST", "/v1/chat/completions", b"{", 400, id="a-body-that-is-none"),
    pytest.param("GET", "/v1/models", b"", 200, id="a-list"),
    pytest.param("GET", "/v1/nothing", b"", 404, id="no-such-path"),
    pytest.param("PUT", "/v1/models", b"", 405, id="no-such-method"),
    pytest.param("DELETE", "/api/models/custom/m", b"", 204, id="nothing-to-say"),
    pytest.param("GET", "/api/models/custom/monitoring", b"", 503, id="a-monitor-that-is-away"),
    pytest.param("POST", "/v1/messages", b"{}", 400, id="anthropic"),
    pytest.param("GET", "/healthz", b"", 200, id="health"),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), _ANSWERS)
async def test_the_callers_own_request_id_comes_back(method: str, path: str, body: bytes, status: int) -> None:
    answer = await told(gateway_here(), method, path, body, [(b"x-request-id", b"mine-1")])
    assert (answer.status, answer.headers["x-request-id"]) == (status, "mine-1")


@pytest.mark.parametrize("sent", [b"", b"two words", b"\xc3\xa4", b"x" * 256], ids=["empty", "space", "bytes", "long"])
async def test_an_id_that_cannot_be_told_back_is_replaced(sent: bytes) -> None:
    answer = await told(gateway_here(), "GET", "/v1/models", b"", [(b"x-request-id", sent)])
    assert len(answer.headers["x-request-id"]) == 36


async def test_without_one_an_inference_is_its_own_request_id() -> None:
    answer = await told(gateway_here(), "POST", "/v1/chat/completions", CHAT)
    assert answer.headers["x-request-id"] == answer.headers["x-tallygate-inference-id"]


async def test_what_nobody_foresaw_has_them_too() -> None:
    here = gateway_here()
    del here.app.state.gateway
    answer = await told(here, "POST", "/v1/chat/completions", CHAT)
    assert answer.status == 500
    assert {"x-request-id", "openai-processing-ms"} <= answer.headers.keys()


def _limits(answer: Any) -> tuple[str, ...]:
    return tuple(answer.headers[f"x-ratelimit-{name}-requests"] for name in ("limit", "remaining", "reset"))


async def _sent(here: Here, times: int) -> Any:
    for _ in range(times):
        answer = await told(here, "POST", "/v1/chat/completions", CHAT)
    return answer


async def test_what_the_tenant_may_still_send_is_said_and_goes_down() -> None:
    here = gateway_here(tenant_rate_per_s=0.001, tenant_burst=3)
    assert _limits(await told(here, "GET", "/v1/models")) == ("3", "3", "0s")
    assert _limits(await _sent(here, 1))[:2] == ("3", "2")
    refused = await _sent(here, 3)
    assert refused.status == 429
    assert _limits(refused)[:2] == ("3", "0")
    wait_s, wait_ms = int(refused.headers["retry-after"]), int(refused.headers["retry-after-ms"])
    assert 0 < wait_ms <= 1000 * wait_s <= wait_ms + 1000


async def test_anthropic_clients_read_other_names() -> None:
    answer = await told(gateway_here(), "GET", "/v1/messages/nothing")
    assert answer.headers["request-id"] == answer.headers["x-request-id"] == answer.body["request_id"]
    assert answer.body["error"]["type"] == "not_found_error"
    assert "openai-processing-ms" not in answer.headers


@pytest.mark.parametrize(
    ("reset_s", "words"),
    [(0.0, "0s"), (0.0124, "12ms"), (59.6, "1m0s"), (7, "7s"), (360, "6m0s"), (86_399, "23h59m59s")],
)
def test_times_are_written_as_openai_writes_them(reset_s: float, words: str) -> None:
    *_, reset = openai_limits("tokens", Allowance(10, 5, reset_s))
    assert reset == (b"x-ratelimit-reset-tokens", words.encode())


@pytest.mark.parametrize(
    ("media_type", "body", "status"),
    [
        (b"application/json; charset=utf-8", CHAT, 504),
        (b"application/vnd.api+json", CHAT, 504),
        (b"application/x-www-form-urlencoded", CHAT, 504),
        (b"text/plain", CHAT, 415),
        (b"multipart/form-data; boundary=x", CHAT, 415),
        (b"application/xml", b"<a/>", 415),
    ],
    ids=lambda value: value.decode() if isinstance(value, bytes) and value != CHAT else str(len(str(value))),
)
async def test_what_is_said_to_be_no_json_is_told_so(media_type: bytes, body: bytes, status: int) -> None:
    answer = await told(gateway_here(), "POST", "/v1/chat/completions", body, [(b"content-type", media_type)])
    assert answer.status == status


async def test_a_compressed_body_is_told_so() -> None:
    answer = await told(gateway_here(), "POST", "/v1/chat/completions", CHAT, [_JSON, (b"content-encoding", b"gzip")])
    assert (answer.status, answer.error_type) == (415, "invalid_request")


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PUT", "/api/models/custom/m", 405, "DELETE, GET, OPTIONS, PATCH"),
        ("HEAD", "/v1/chat/completions", 405, "OPTIONS, POST"),
        ("TRACE", "/api/keys", 405, "GET, OPTIONS, POST"),
        ("OPTIONS", "/api/keys", 204, "GET, OPTIONS, POST"),
    ],
)
async def test_who_uses_another_method_is_told_which_there_are(method: str, path: str, status: int, allow: str) -> None:
    answer = await told(gateway_here(), method, path)
    assert (answer.status, answer.headers["allow"]) == (status, allow)
