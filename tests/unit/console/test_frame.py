"""What all pages have in common, and what is shown when the gateway refuses or is away."""

import re
from html.parser import HTMLParser

import httpx
import pytest

from services.console.headers import CONTENT_SECURITY_POLICY
from tests.support.fake_gateway import FakeGateway, problem
from tests.unit.console.conftest import ORIGIN

_SUMMARY = "/api/monitoring/summary"


class _Inline(HTMLParser):
    """What the content security policy would refuse, or what comes from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.found.append(tag)
        self.found += [str(given[name]) for name in ("src", "href") if re.match(r"(\w+:)?//", given.get(name) or "")]


def inline(text: str) -> list[str]:
    parser = _Inline()
    parser.feed(text)
    return parser.found


async def test_every_answer_forbids_what_no_page_needs(stranger: httpx.AsyncClient) -> None:
    for path in ("/login", "/", "/nowhere", "/healthz"):
        answer = await stranger.get(path)
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert inline(answer.text) == []
    assert "unsafe" not in CONTENT_SECURITY_POLICY


async def test_files_are_kept_by_browsers_and_their_addresses_change(stranger: httpx.AsyncClient) -> None:
    page = (await stranger.get("/login")).text
    urls = re.findall(r'"(/static/[^"]+)"', page)
    assert len(urls) >= 4
    for url in urls:
        assert re.search(r"\?v=[0-9a-f]{12}$", url)
        answer = await stranger.get(url)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/nothing.js", "/static/"):
        assert (await stranger.get(path)).status_code == 404


async def test_a_gateway_that_is_away_is_said_and_comes_back(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    await gateway.close()
    away = await browser.get("/?window=7d")
    assert away.status_code == 503
    assert "nothing answers at its address" in away.text
    assert 'hx-get="/?window=7d" hx-trigger="every 5s"' in away.text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in away.text
    ready = await browser.get("/readyz")
    assert ready.status_code == 200  # it can say that the gateway is away
    assert "cannot be reached" in ready.json()["notes"]["gateway"]
    await gateway.open()
    back = await browser.get("/?window=7d")
    assert "The gateway is away" not in back.text
    assert (await browser.get("/readyz")).json()["notes"] == {}


async def test_a_monitor_that_is_away_is_said_with_what_to_do(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    gateway.gets(_SUMMARY, problem("unavailable", "the monitor cannot be reached", "Check the monitor."), 503)
    answer = await browser.get("/")
    assert answer.status_code == 503
    assert "the monitor cannot be reached" in answer.text
    assert "Check the monitor." in answer.text


async def test_an_older_gateway_is_said_to_be_older(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    gateway.answers.pop(f"GET {_SUMMARY}", None)
    answer = await browser.get("/")
    assert answer.status_code == 404
    assert "This gateway cannot do that yet" in answer.text


async def test_something_else_behind_the_address_is_named(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    gateway.gets(_SUMMARY, {"hello": "world"}, 404)
    answer = await browser.get("/")
    assert answer.status_code == 503
    assert "TALLYGATE_GATEWAY_URL" in answer.text


async def test_a_page_that_is_not_there_is_404_and_leads_nowhere_else(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/<script>alert(1)</script>")
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text
    other_host = await browser.get(f"{ORIGIN}//evil.test/")
    assert other_host.status_code == 404
    assert inline(other_host.text) == []


@pytest.mark.parametrize(("scopes", "shown"), [(["admin"], True), (["monitor"], True), (["inference"], False)])
async def test_a_key_sees_the_pages_that_it_may_use(
    stranger: httpx.AsyncClient, gateway: FakeGateway, scopes: list[str], shown: bool
) -> None:
    caller = {"tenant": "acme", "key_id": "k", "scopes": scopes, "allowed_models": None}
    gateway.gets("/api/caller", caller)
    await stranger.post("/login", data={"key": "tg_console.secret"})
    answer = await stranger.get("/nowhere")
    assert ('href="/" ' in answer.text.replace('class="brand" href="/"', "")) is shown
