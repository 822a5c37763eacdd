"""Routes that are answered without FastAPI's layers are the same to everybody who looks at them."""

import pytest

from services.gateway.instruments import http_requests
from tests.support.gateway_app import gateway_here, told

CHAT = b'{"model": "custom:m", "messages": [{"role": "user", "content": "hi"}]}'


def counted(status: str) -> float:
    return float(http_requests.labels("/v1/chat/completions", status)._value.get())


async def test_a_request_is_counted_once_under_its_route() -> None:
    before = counted("504")
    answer = await told(gateway_here(), "POST", "/v1/chat/completions", CHAT)
    assert (answer.status, answer.error_type) == (504, "expired")
    assert counted("504") == before + 1


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("PUT", 405)])
async def test_other_methods_are_refused_as_everywhere(method: str, status: int) -> None:
    answer = await told(gateway_here(), method, "/v1/chat/completions")
    assert (answer.status, answer.error_type) == (status, "invalid_request")


async def test_what_nobody_foresaw_is_a_typed_answer() -> None:
    here = gateway_here()
    del here.app.state.gateway
    answer = await told(here, "POST", "/v1/chat/completions", CHAT)
    assert (answer.status, answer.error_type) == (500, "internal")


def test_they_stand_in_the_document() -> None:
    documented = gateway_here().app.openapi()["paths"]["/v1/chat/completions"]["post"]
    assert "requestBody" in documented
    assert documented["responses"]["200"]["content"].keys() == {"application/json", "text/event-stream"}
