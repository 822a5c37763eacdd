"""GET /, on the application as it is wired; nothing behind it is started."""

import pytest
from starlette.types import Message

from services.gateway.app import make_app
from services.gateway.settings import GatewaySettings


async def ask(method: str, path: str) -> tuple[int, str, str]:
    """Status, content type and body."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b"", "root_path": ""}
    await make_app(GatewaySettings())(scope, receive, send)
    headers = dict(sent[0]["headers"])
    return sent[0]["status"], headers[b"content-type"].decode(), b"".join(one["body"] for one in sent[1:]).decode()


async def test_the_root_says_in_one_line_what_this_is_and_where_things_are() -> None:
    status, content_type, text = await ask("GET", "/")

    assert (status, content_type) == (200, "text/plain; charset=utf-8")
    assert text.index("\n") == len(text) - 1
    places = [word.strip(",") for word in text.split() if word.startswith("/")]
    assert places == ["/docs", "/api/models/custom/monitoring", "/healthz", "/readyz", "/metrics"]
    app = make_app(GatewaySettings())
    assert set(places) <= {getattr(route, "path", None) for route in app.routes} | set(app.openapi()["paths"])
    assert "console" not in text


@pytest.mark.parametrize(("method", "path", "status"), [("HEAD", "/", 200), ("POST", "/", 405), ("GET", "/index", 404)])
async def test_what_else_is_asked_there(method: str, path: str, status: int) -> None:
    assert (await ask(method, path))[0] == status


def test_the_document_has_it_once() -> None:
    document = make_app(GatewaySettings()).openapi()

    assert list(document["paths"]["/"]) == ["get"]
    assert document["paths"]["/"]["get"]["tags"] == ["about"]
