"""Every page, with something of everything on it: it can be made, and shows what others wrote as text."""

import httpx
import pytest

from tests.support.fake_gateway import FakeGateway
from tests.unit.console.samples import HOSTILE, INFERENCE, JOB, furnish
from tests.unit.console.test_frame import inline

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
    "/features",
    f"/features/{JOB}",
    f"/features/{INFERENCE}",
    "/changes",
    "/changes?tenant=*",
    "/instances",
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
    assert inline(answer.text) == []
    assert HOSTILE not in answer.text
    assert "\x1b" not in answer.text
    assert "\u202e" not in answer.text


EMPTY = {
    "/models": ("/api/models/list", {"models": [], "total": 0}, "tallygate models add"),
    "/playground": ("/api/models/list", {"models": [], "total": 0}, "tallygate models add"),
    "/features": ("/api/features", {"features": [], "total": 0}, "tallygate feature generate"),
    "/changes": ("/api/changes", {"changes": [], "total": 0, "next": None}, "tallygate models add"),
    "/keys": ("/api/keys", {"keys": [], "total": 0}, "tallygate keys create"),
}


@pytest.mark.parametrize("path", EMPTY)
async def test_an_empty_page_says_what_to_do_first(browser: httpx.AsyncClient, gateway: FakeGateway, path: str) -> None:
    asked, body, command = EMPTY[path]
    gateway.gets(asked, body)

    answer = await browser.get(path)

    assert answer.status_code == 200
    assert command in answer.text
