"""Whatever is sent to any route of the OpenAPI document is answered with what the route does, or a typed error; never
with a 500."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from structlog.testing import capture_logs

from shared.batches import batch_name
from shared.errors.catalogue import CATALOGUE
from shared.files import NewFile, file_name_of
from tests.support.gateway_app import DEAD_LETTER, FEATURE_ID, Here, Told, gateway_here, told
from tests.unit.shared.events.samples import NOW

CHAT = {"model": "custom:m", "messages": [{"role": "user", "content": "hi"}]}
MODEL = {"endpoint_url": "https://model.example/v1", "provider": "openai-compatible", "config": {"model": "m"}}

# A valid body for each route that takes one.
RANKING = {"query": "hi", "documents": ["a", "b"], "model": "custom:m"}
BODIES: dict[str, dict[str, Any]] = {
    "POST /v1/chat/completions": CHAT,
    "POST /v1/responses": {"input": "hi", "model": "custom:m"},
    "POST /v1/completions": {"prompt": "hi", "model": "custom:m"},
    "POST /v1/messages": CHAT | {"max_tokens": 9},
    "POST /v1/messages/count_tokens": CHAT,
    "POST /v1/embeddings": {"input": ["hi"], "model": "custom:m"},
    "POST /v1/rerank": RANKING,
    "POST /v2/rerank": RANKING,
    "POST /api/inferences": CHAT,
    "POST /api/models/select": CHAT,
    "POST /api/models/custom": MODEL | {"model_id": "m2"},
    "PATCH /api/models/custom/{model_id}": {"description": "changed"},
    "POST /api/models/probe": {"endpoint_url": "https://model.example/v1"},
    "POST /api/models/setup": MODEL | {"model_id": "m2"},
    "POST /api/models/custom/{model_id}/test": {},
    "PUT /api/providers/{name}/key": {"api_key": "sk-1"},
    "POST /api/codebase/chat": {"message": "what is this?", "model": "custom:m"},
    "POST /api/repos/quality/generate-feature": {
        "files": [{"path": "a.py", "content": "x = 1"}],
        "featureRequest": "more",
    },
    "POST /api/dead-letters/replay": {"ids": [DEAD_LETTER]},
    "POST /api/webhooks": {"url": "https://receiver.example/hook", "events": ["inference.settled"]},
    "PATCH /api/webhooks/{webhook_id}": {"name": "changed"},
    "PUT /api/shadow": {"model": "custom:m", "share": 0.1},
    "POST /api/sessions": {"session": "run-42", "calls": 2},
    "POST /v1/batches": {
        "input_file_id": file_name_of(FEATURE_ID),
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    },
    "POST /api/reply-keys": {"id": "k1", "public_key": "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU="},
    "POST /api/keys": {"tenant": "acme"},
    "PATCH /api/tenants/{tenant_id}": {"usd_per_day": 1},
    "PUT /api/plans/{plan_id}": {"usd_per_day": 1},
}
PLACES = {
    "{model_id}": "m", "{name}": "openai", "{tenant_id}": "acme", "{plan_id}": "small", "{key_id}": "01234567",
    "{feature_id}": str(FEATURE_ID), "{inference_id}": str(FEATURE_ID), "{webhook_id}": str(FEATURE_ID),
    "{delivery_id}": str(FEATURE_ID), "{session}": "run-42", "{batch_id}": batch_name(FEATURE_ID),
}  # fmt: skip
DEEP = "[" * 200 + "]" * 200
DEEPER = "[" * 100_000 + "]" * 100_000
RAW = {"deep": DEEP, "deeper": DEEPER, "a number beyond all": "1e999999", "many digits": "9" * 10_000}

VALUES: dict[str, Any] = {
    "a long text": "x" * 100_000, "NUL": "a\x00b", "half a pair": "a\ud800b", "empty": "",
    "confusable": "\u0430cm\u0435\u202e",
    "a huge number": 2**70, "just too large": 2**63, "just too small": -(2**63) - 1, "negative": -1, "zero": 0,
    "nan": float("nan"), "infinite": float("inf"), "near infinity": 1e308, "null": None, "true": True,
    "no list": [], "a list of nothing": [None], "a long list": ["x"] * 5000, "no object": {},
    "NUL in a name": {"\x00": 1},
    "NUL inside": {"a": ["\x00"]}, "many members": {f"a{number}": "x" for number in range(5000)},
    "a far day": "9999-12-31T23:59:59-05:00", "a path": "../../etc/passwd", "a template": "{{7*7}}{model}%s",
}  # fmt: skip
# Where a text of 100,000 characters is what somebody may want to send.
LONG_TEXTS = {
    "POST /v1/chat/completions", "POST /v1/responses", "POST /v1/completions", "POST /v1/messages",
    "POST /api/inferences", "POST /api/models/select", "POST /v1/embeddings", "POST /v1/rerank", "POST /v2/rerank",
    "POST /api/codebase/chat.message",
    "POST /api/codebase/chat.files.content", "POST /api/codebase/chat.currentFile.content",
    "POST /api/repos/quality/generate-feature.files.content",
    "POST /api/repos/quality/generate-feature.archive",
}  # fmt: skip


class Route(NamedTuple):
    method: str
    path: str
    schema: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def target(self) -> str:
        target = self.path
        for place, value in PLACES.items():
            target = target.replace(place, value).replace(place.replace("}", ":path}"), value)
        return target


def routes() -> list[Route]:
    document = gateway_here().app.openapi()
    found = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            found.append(Route(method.upper(), path, content.get("schema", {})))
    return found


ROUTES = routes()
WITH_BODY = [route for route in ROUTES if route.schema]

Place = tuple[str | int, ...]


def places(schema: dict[str, Any], here: Place = ()) -> Iterator[Place]:
    """Of all fields, those of objects within lists too."""
    for variant in schema.get("anyOf", [schema]):
        for name, field in variant.get("properties", {}).items():
            yield (*here, name)
            yield from places(field, (*here, name))
        if isinstance(variant.get("items"), dict):
            yield from places(variant["items"], (*here, 0))


def put(body: Any, place: Place, value: Any) -> Any:
    """A copy of the body with the value in that place, with all that leads there."""
    if not place:
        return value
    first, *rest = place
    if isinstance(first, int):
        return [put(body[0] if isinstance(body, list) and body else {}, tuple(rest), value)]
    known = dict(body) if isinstance(body, dict) else {}
    return known | {first: put(known.get(first), tuple(rest), value)}


def check(answer: Told, sent: str) -> None:
    assert answer.status != 500, (sent, answer)
    if answer.status >= 400:
        assert answer.error_type in CATALOGUE, (sent, answer)
        tips = answer.body.get("error", answer.body)["tips"]
        assert len(str(answer.body)) < 20_000, sent
        assert isinstance(tips, list)


def test_every_route_that_takes_a_body_is_tried() -> None:
    assert {route.name for route in WITH_BODY} == BODIES.keys()


@pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.name)
async def test_every_field_with_every_value(route: Route) -> None:
    here = gateway_here(tenant_rate_per_s=0)
    await _with_a_file(here)
    valid = BODIES[route.name]
    with capture_logs():
        assert (await told(here, route.method, route.target, json.dumps(valid).encode())).error_type not in {
            "invalid_request", "internal",
        }  # fmt: skip
        for place in {*places(route.schema), ("unknown",), ()}:
            field = ".".join(str(part) for part in (route.name, *place) if part != 0)
            for kind, value in VALUES.items():
                answer = await _sent(here, route, json.dumps(put(valid, place, value)))
                check(answer, f"{field}: {kind}")
                if kind == "a long text" and not any(field.startswith(free) for free in LONG_TEXTS):
                    assert 400 <= answer.status < 500, (field, answer)
                if "surrogate" in kind or kind in {"nan", "infinite", "half a pair"}:
                    assert answer.error_type == "invalid_request", (field, kind, answer)
            for kind, raw in RAW.items():
                text = json.dumps(put(valid, place, "RAW")).replace('"RAW"', raw)
                check(await _sent(here, route, text), f"{field}: {kind}")


async def _with_a_file(here: Here) -> None:
    """That a batch can be made of."""
    new = NewFile(file_id=FEATURE_ID, tenant_id="acme", purpose="batch", name="lines.jsonl", kept_until=NOW)
    file = await here.gateway.files.begin(new)
    assert file is not None
    await here.gateway.files.finish(file, NOW)


async def _sent(here: Here, route: Route, text: str) -> Told:
    return await told(here, route.method, route.target, text.encode())


TEXTS = ["\xff\xfe", "\x00", "{", "[]", "null", '"x"', "1", "", "{}" * 2, '{"a": 1, "a": 2}', "\ufeff{}", "{'a': 1}"]


@pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.name)
async def test_what_is_no_body(route: Route) -> None:
    here = gateway_here(tenant_rate_per_s=0)
    with capture_logs():
        for text in TEXTS:
            check(await told(here, route.method, route.target, text.encode("latin-1", "replace")), repr(text))
        check(await told(here, route.method, route.target, b"x" * 4_000_000), "4 MB")


PARTS = [
    "%00", "a%00b", "%FF%FE", "%ED%A0%80", "%", "%zz", "%2e%2e%2f", "..", "a" * 5000, "%F0%9F%92%A9", "*", "'--",
    "%0d%0ax-injected:%201", "999999999999999999999", "-1", "0", "00000000-0000-0000-0000-000000000000",
]  # fmt: skip


@pytest.mark.parametrize("route", [route for route in ROUTES if "{" in route.path], ids=lambda route: route.name)
async def test_every_path_with_every_part(route: Route) -> None:
    here = gateway_here(tenant_rate_per_s=0)
    body = json.dumps(BODIES.get(route.name, {})).encode()
    before, _, rest = route.path.partition("{")
    after = rest.partition("}")[2]
    with capture_logs():
        for part in PARTS:
            check(await told(here, route.method, f"{before}{part}{after}", body), part)


READS = [route for route in ROUTES if route.method in {"GET", "DELETE"}]
QUERIES = [
    f"{name}={value}"
    for name in ("window", "limit", "before", "tenant", "sessionId", "model", "unknown", "")
    for value in ("", "%00", "%FF", "-1", "0", "999999999999d", "1e9", "9" * 5000, "x" * 100_000, "a&{0}=b", "[]", "٣")
]


@pytest.mark.parametrize("route", READS, ids=lambda route: route.name)
async def test_every_query(route: Route) -> None:
    here = gateway_here(tenant_rate_per_s=0)
    with capture_logs():
        for query in QUERIES:
            sent = query.encode("utf-8").decode("latin-1")
            check(await told(here, route.method, f"{route.target}?{sent}"), f"{route.name}?{query[:50]}")


HEADERS: Sequence[tuple[str, bytes]] = [
    (name, value)
    for name in (
        "authorization", "x-api-key", "idempotency-key", "traceparent", "tracestate", "x-tallygate-deadline-s",
        "x-tallygate-policy", "x-tallygate-no-fallback", "x-tallygate-cancel-on-disconnect", "accept", "content-type",
        "content-encoding", "expect", "cookie", "origin", "x-forwarded-for", "x-http-method-override",
    )
    for value in (
        b"", b"\xff\xfe", b"\xc3\xa9", b"k" * 100_000, b"nan", b"1e309", b"-0", b"-1", b"0", b"1_0", b"inf", b"gzip",
        b"Bearer", b"Bearer ", b"Bearer tg_x", "٣".encode(), b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-00",
    )
]  # fmt: skip


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_every_header(route: Route) -> None:
    here = gateway_here(tenant_rate_per_s=0)
    body = json.dumps(BODIES[route.name]).encode() if route.name in BODIES else b""
    with capture_logs():
        for name, value in HEADERS:
            answer = await told(here, route.method, route.target, body, [(name.encode(), value)])
            check(answer, f"{name}: {value[:20]!r}")


@pytest.mark.parametrize("value", [b"nan", b"1e309", b"-0", b"-1", b"0", b"inf", b"", b"soon", "٣".encode()])
async def test_a_deadline_that_is_none_is_refused(value: bytes) -> None:
    answer = await told(gateway_here(), "POST", "/v1/chat/completions", json.dumps(CHAT).encode(),
                        [(b"x-tallygate-deadline-s", value)])  # fmt: skip
    assert (answer.status, answer.error_type) == (400, "invalid_request")


async def test_a_key_that_is_sent_twice_is_one_of_them_or_none() -> None:
    here = gateway_here()
    for value in (b"Bearer tg_other", b"", b"Basic x"):
        answer = await told(here, "GET", "/v1/models", headers=[(b"authorization", value)])
        assert answer.status in {200, 401}
