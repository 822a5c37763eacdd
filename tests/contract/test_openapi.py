"""The OpenAPI document of the gateway: current, whole in itself, and true of every route."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from services.documents import openapi_document
from services.gateway.app import routes
from services.gateway.headers import ANSWER_HEADERS, REQUEST_HEADERS
from tests.support.gateway_app import Told, gateway_here, told

ROOT = Path(__file__).parents[2]
CHAT = b'{"model": "custom:m", "messages": [{"role": "user", "content": "hi"}]}'


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(openapi_document())
    return parsed


def _found(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """Behind a reference, or itself."""
    found: Any = document if "$ref" in value else value
    for name in value.get("$ref", "#/").removeprefix("#/").split("/"):
        found = found[name] if name else found
    return dict(found)


def _references(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [reference for item in value for reference in _references(item)]
    if not isinstance(value, dict):
        return []
    own = [value] if isinstance(value.get("$ref"), str) else []
    return own + [reference for item in value.values() for reference in _references(item)]


def test_the_published_document_is_that_of_the_code() -> None:
    published = (ROOT / "docs" / "openapi.json").read_text()
    assert published == openapi_document(), "renew it with: tallygate documents"


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    assert all(_found(document, reference) for reference in _references(document))


def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = Counter(operation["operationId"] for path in document["paths"].values() for operation in path.values())
    assert set(names.values()) == {1}


def test_every_route_is_in_it(document: dict[str, Any]) -> None:
    shown = {(path, method) for path, methods in document["paths"].items() for method in methods}
    ours = {(route.path_format, method.lower()) for route in routes() for method in (route.methods or set()) - {"HEAD"}}
    assert shown == ours


# One for each kind of answer, of each surface.
_ANSWERS = [
    pytest.param("POST", "/v1/chat/completions", "/v1/chat/completions", CHAT, {}, id="inference"),
    pytest.param("POST", "/v1/chat/completions", "/v1/chat/completions", b"[]", {}, id="invalid"),
    pytest.param("POST", "/v1/chat/completions", "/v1/chat/completions", b"", {"content-type": "text/html"}, id="415"),
    pytest.param("GET", "/v1/models", "/v1/models", b"", {}, id="models"),
    pytest.param("GET", "/v1/models/{model_id}", "/v1/models/none", b"", {}, id="no-model"),
    pytest.param("DELETE", "/api/models/custom/{model_id}", "/api/models/custom/m", b"", {}, id="no-content"),
    pytest.param("GET", "/api/models/custom/monitoring", "/api/models/custom/monitoring", b"", {}, id="away"),
    pytest.param("GET", "/healthz", "/healthz", b"", {}, id="health"),
]


@pytest.mark.parametrize(("method", "path", "target", "body", "sent"), _ANSWERS)
async def test_an_answer_is_as_documented(
    document: dict[str, Any], method: str, path: str, target: str, body: bytes, sent: dict[str, str]
) -> None:
    headers = [(name.encode(), value.encode()) for name, value in sent.items()]
    answer: Told = await told(gateway_here(), method, target, body, headers)
    responses = document["paths"][path][method.lower()]["responses"]
    response = _found(document, responses[str(answer.status)])
    known = {"content-type", "content-length", *response.get("headers", {})}
    assert answer.headers.keys() <= known
    if "content" in response:
        assert answer.headers["content-type"] in response["content"]


def test_each_header_stands_in_the_tables_once() -> None:
    for table in (REQUEST_HEADERS, ANSWER_HEADERS):
        assert len({header.name for header in table}) == len(table)
