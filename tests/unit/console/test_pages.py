"""Every page, with something of everything on it: it can be made, and shows what others wrote as text."""

from urllib.parse import quote, urlencode

import httpx
import pytest
from starlette.routing import Match, Route

from services.console.pages import PAGES
from tests.support.fake_gateway import FakeGateway, problem
from tests.unit.console.samples import (
    AT,
    BATCH,
    FILE,
    HOOK,
    HOSTILE,
    INFERENCE,
    JOB,
    LETTER,
    OWN,
    REPLAYED,
    STEPS,
    TRIAL,
    WEBHOOK,
    furnish,
)
from tests.unit.console.test_frame import inline
from tests.unit.console.test_monitoring_pages import PAGES as MONITORING_PAGES

FULL = [
    "/models",
    "/models?state=unusable&q=gpt",
    "/models?q=nothing",
    "/models/custom:north-8b",
    "/models/openai:gpt-5",
    "/models/new",
    "/models/new?preset=vllm",
    "/playground?model=custom:north-8b",
    f"/playground/taken/{INFERENCE}",
    f"/inferences/{INFERENCE}/content",
    "/batches",
    "/batches?state=failed&after=batch_1",
    f"/batches/{BATCH}",
    f"/batches/{HOOK}",
    "/batches/background",
    "/batches/background?state=open&cursor=1",
    "/batches/files",
    f"/batches/files/{FILE}/content",
    "/features",
    f"/features/{JOB}",
    f"/features/{INFERENCE}",
    "/webhooks",
    f"/webhooks/{HOOK}",
    f"/webhooks/{HOOK}?state=failed&cursor={JOB}",
    f"/webhooks/{JOB}",
    "/changes",
    "/changes?tenant=*",
    "/instances",
    "/instances/dead-letters",
    "/instances/dead-letters?topic=inference.requests.v1",
    "/keys",
    "/keys?revoked=1",
    "/keys/tenants",
    "/keys/tenants/acme",
    "/keys/plans",
    "/keys/plans?plan=gold",
]


@pytest.mark.parametrize("path", FULL)
async def test_what_others_wrote_is_text(browser: httpx.AsyncClient, gateway: FakeGateway, path: str) -> None:
    furnish(gateway)

    answer = await browser.get(path)

    assert answer.status_code == 200
    assert_harmless(answer.text)


def assert_harmless(page: str) -> None:
    assert inline(page) == []
    assert HOSTILE not in page
    assert "<script>alert" not in page
    assert not {"\x1b", "\u202e"} & set(page)


def test_these_tests_look_at_every_page() -> None:
    looked_at = [path.partition("?")[0] for path in (*FULL, *MONITORING_PAGES)]
    shown = {route.path for page in PAGES for route in page.routes if route.method == "GET"}
    assert shown <= {_path_of(path) for path in looked_at}


def _path_of(address: str) -> str:
    """The path, as it is written, of the route that answers there."""
    scope = {"type": "http", "method": "GET", "path": address, "root_path": ""}
    routes = (route for page in PAGES for route in page.routes if route.method == "GET")
    return next(one.path for one in routes if Route(one.path, lambda _: None).matches(scope)[0] == Match.FULL)


_REFUSED = problem(HOSTILE, HOSTILE, HOSTILE)
_MADE = {"key": "tg_1_x", "key_id": "k", "tenant": "acme", "name": HOSTILE, "scopes": ["inference"],
         "allowed_models": [HOSTILE], "max_priority": "bulk"}  # fmt: skip
_SET_UP = {"model_id": HOSTILE, "endpoint_url": "http://x/v1", "model": HOSTILE}
_ASKED = {"model": "custom:north-8b", "question": HOSTILE, "system": HOSTILE}
_ANSWER = {"choices": [{"message": {"content": HOSTILE}}]}

# By what was done: the page to which a form is sent, its fields, and what the gateway answers to which request.
DONE = {
    "a test": ("/models/custom:north-8b/test", {"message": ""}, "POST /api/models/custom/north-8b/test", 200, TRIAL),
    "a test that fails": (
        "/models/custom:north-8b/test", {"message": HOSTILE}, "POST /api/models/custom/north-8b/test", 502,
        _REFUSED | {"steps": STEPS, "inference_id": HOSTILE},
    ),
    "a probe": (
        "/models/new/probe", _SET_UP, "POST /api/models/probe", 200,
        {"ok": True, "steps": STEPS, "provider": HOSTILE, "provider_assumed": True, "models": [{"name": HOSTILE}]},
    ),
    "a setup": (
        "/models/new", _SET_UP, "POST /api/models/setup", 201,
        TRIAL | {"model": OWN | {"id": HOSTILE}, "filled_in": {"description": HOSTILE}},
    ),
    "a setup that fails": (
        "/models/new", _SET_UP, "POST /api/models/setup", 502, _REFUSED | {"steps": STEPS, "inference_id": HOSTILE}
    ),
    "a question": ("/playground", _ASKED, "POST /v1/chat/completions", 200, _ANSWER),
    "a question that fails": ("/playground", _ASKED, "POST /v1/chat/completions", 502, _REFUSED),
    "a key": ("/keys", {"tenant": HOSTILE, "scope_inference": "on"}, "POST /api/keys", 201, _MADE),
    "a key that is refused": (
        "/keys", {"tenant": HOSTILE, "name": HOSTILE, "allowed_models": HOSTILE}, "POST /api/keys", 400, _REFUSED
    ),
    "a webhook": (
        "/webhooks", {"url": HOSTILE, "event_model.health": "1"}, "POST /api/webhooks", 201,
        WEBHOOK | {"secret": HOSTILE},
    ),
    "a webhook that is refused": ("/webhooks", {"url": HOSTILE, "name": HOSTILE}, "POST /api/webhooks", 400, _REFUSED),
    "a new secret": (
        f"/webhooks/{HOOK}/rotate", {}, f"POST /api/webhooks/{HOOK}/rotate-secret", 200,
        {"id": HOOK, "secret": HOSTILE, "old_secret_until": AT},
    ),
    "a test of a webhook that is refused": (
        f"/webhooks/{HOOK}/test", {}, f"POST /api/webhooks/{HOOK}/test", 409, _REFUSED
    ),
    "a cancellation that is refused": (
        f"/batches/{BATCH}/cancel", {}, f"POST /v1/batches/{BATCH}/cancel", 409, _REFUSED
    ),
    "a replay": (
        "/instances/dead-letters/replay", {f"letter {LETTER['id']}": "on"}, "POST /api/dead-letters/replay", 200,
        REPLAYED,
    ),
    "a plan that is refused": (
        "/keys/plans", {"plan": "gold", "policy": HOSTILE}, "PUT /api/plans/gold", 400, _REFUSED
    ),
}  # fmt: skip


@pytest.mark.parametrize("done", DONE)
async def test_what_others_wrote_is_text_also_in_what_comes_of_a_form(
    browser: httpx.AsyncClient, gateway: FakeGateway, done: str
) -> None:
    furnish(gateway)
    path, fields, asked, status, body = DONE[done]
    gateway.answers[asked] = lambda _: (status, body)

    answer = await browser.post(path, data=fields)

    assert asked in [f"{one.method} {one.path}" for one in gateway.asked]
    assert "&lt;script&gt;alert" in answer.text
    assert_harmless(answer.text)


@pytest.mark.parametrize("path", [*MONITORING_PAGES, *(path for path in FULL if "?" not in path)])
async def test_what_the_gateway_refuses_is_said_as_text(
    browser: httpx.AsyncClient, gateway: FakeGateway, path: str
) -> None:
    """And what the address says."""
    gateway.otherwise = lambda _: (403, _REFUSED)

    answer = await browser.get(f"{path}?{urlencode(dict.fromkeys(_NAMES, HOSTILE))}")

    assert_harmless(answer.text)


_NAMES = ("q", "state", "model", "error_type", "key", "session", "tag", "id", "tenant", "plan", "preset", "from", "to",
          "window", "cursor", "before")  # fmt: skip


@pytest.mark.parametrize("path", [path for path in FULL if "?" not in path])
async def test_a_gateway_that_is_away_is_said_on_every_page_and_comes_back(
    browser: httpx.AsyncClient, gateway: FakeGateway, path: str
) -> None:
    furnish(gateway)
    await gateway.close()

    away = await browser.get(path)
    await gateway.open()
    back = await browser.get(path)

    assert (away.status_code, back.status_code) == (503, 200)
    assert f'hx-get="{quote(path)}" hx-trigger="every 5s"' in away.text


async def test_a_form_that_the_gateway_did_not_get_is_not_asked_for_again(
    browser: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    await gateway.close()

    answer = await browser.post("/models/custom:north-8b/switch", data={"is_active": "false"})

    assert answer.status_code == 503
    assert "What you sent may not have been done." in answer.text
    assert "/switch" not in answer.text


EMPTY = {
    "/models": ("/api/models/list", {"models": [], "total": 0}, "tallygate models add"),
    "/playground": ("/api/models/list", {"models": [], "total": 0}, "tallygate models add"),
    "/features": ("/api/features", {"features": [], "total": 0}, "tallygate feature generate"),
    "/batches": ("/v1/batches", {"data": [], "last_id": None, "has_more": False}, "tallygate batch run"),
    "/batches/background": (
        "/api/inferences/background",
        {"items": [], "next_cursor": None},
        "tallygate inferences follow",
    ),
    "/batches/files": ("/v1/files", {"data": [], "last_id": None, "has_more": False}, "tallygate batch run"),
    "/webhooks": ("/api/webhooks", {"webhooks": [], "total": 0}, "tallygate webhooks add"),
    "/changes": ("/api/changes", {"changes": [], "total": 0, "next": None}, "tallygate models add"),
    "/instances/dead-letters": ("/api/dead-letters", {"topics": []}, "Everything that came could be read and handled"),
    "/keys": ("/api/keys", {"keys": [], "total": 0}, "tallygate keys create"),
}


@pytest.mark.parametrize("path", EMPTY)
async def test_an_empty_page_says_what_to_do_first(browser: httpx.AsyncClient, gateway: FakeGateway, path: str) -> None:
    asked, body, command = EMPTY[path]
    gateway.gets(asked, body)

    answer = await browser.get(path)

    assert answer.status_code == 200
    assert command in answer.text
