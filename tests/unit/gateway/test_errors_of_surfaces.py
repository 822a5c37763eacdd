"""What is no request of a surface is refused in the form that the clients of that surface read, on each of them."""

from typing import Any

import orjson
import pytest

from tests.support.gateway_app import gateway_here, told

_BODIES = {
    "no-json": b"{",
    "a-list": b"[]",
    "nan": b'{"temperature": NaN}',
    "beyond-a-float": b'{"temperature": 1e400}',
    "half-a-surrogate": b'{"user": "\\ud800"}',
    "nested-too-deeply": b'{"metadata": ' + b'{"a": ' * 2000 + b"1" + b"}" * 2001,
    "wrong-type": b'{"model": 5}',
    "a-million-words": b'{"stop": ' + orjson.dumps(["x"] * 500_000) + b"}",
    "nothing": b"",
}
_OPENAI = ("/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/nothing")
_OWN = ("/api/codebase/chat", "/api/models/select", "/api/models/custom", "/api/keys", "/api/nothing")


@pytest.mark.parametrize("body", _BODIES.values(), ids=_BODIES)
@pytest.mark.parametrize("path", [*_OPENAI, *_OWN])
async def test_it_is_an_error_in_the_surfaces_form(path: str, body: bytes) -> None:
    answer = await told(gateway_here(), "POST", path, body)
    assert answer.status == (404 if path.endswith("nothing") else 400)
    members: dict[str, Any] = answer.body["error"] if path in _OPENAI else answer.body
    assert answer.headers["content-type"] == ("application/json" if path in _OPENAI else "application/problem+json")
    assert members["code"] in ("invalid_request", "endpoint_not_found")
    assert members["message"]
    assert members["tips"]
    assert answer.headers["x-should-retry"] == "false"
