"""Who is signed in, for how long, and what somebody else's page cannot do."""

import base64
import time

import httpx
import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers

from services.console.origin import is_ours
from services.console.session import COOKIE, Sessions
from shared.crypto.keys import KeyRing, new_key
from tests.support.fake_gateway import CALLER, KEY, FakeGateway, problem
from tests.unit.console.conftest import ORIGIN


async def test_a_page_sends_strangers_to_the_sign_in_and_back(stranger: httpx.AsyncClient) -> None:
    away = await stranger.get("/?window=7d")
    assert (away.status_code, away.headers["location"]) == (303, "/login?next=%2F%3Fwindow%3D7d")
    form = await stranger.get(away.headers["location"])
    assert 'name="next" value="/?window=7d"' in form.text
    back = await stranger.post("/login", data={"key": f"  {KEY}\n", "next": "/?window=7d"})
    assert (back.status_code, back.headers["location"]) == (303, "/?window=7d")


async def test_the_cookie_holds_the_key_sealed_and_for_this_site_only(stranger: httpx.AsyncClient) -> None:
    plain = await stranger.post("/login", data={"key": KEY})
    cookie = plain.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Max-Age=28800"} <= set(cookie.split("; "))
    assert KEY.encode() not in base64.urlsafe_b64decode(stranger.cookies[COOKIE])
    assert "Secure" not in cookie
    behind_tls = await stranger.post("/login", data={"key": KEY}, headers={"x-forwarded-proto": "https"})
    assert "Secure" in behind_tls.headers["set-cookie"]


@pytest.mark.parametrize(("key", "said"), [("tg_no.body", "unknown or was revoked"), ("two words", "no API key")])
async def test_a_key_that_is_not_accepted_signs_nobody_in(stranger: httpx.AsyncClient, key: str, said: str) -> None:
    answer = await stranger.post("/login", data={"key": key})
    assert (answer.status_code, answer.headers.get("set-cookie")) == (401, None)
    assert said in answer.text
    assert key not in answer.text


@pytest.mark.parametrize("path", ["//evil.test", "https://evil.test", "/\\evil.test", "/\n//evil.test"])
async def test_a_sign_in_leads_nowhere_else(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.post("/login", data={"key": KEY, "next": path})
    assert answer.headers["location"] == "/"


def test_a_session_opens_only_whole_in_time_and_under_its_key() -> None:
    ring = KeyRing.parse(new_key())
    sessions = Sessions(ring, lifetime_s=60)
    sealed = sessions.sealed(sessions.begun(KEY, CALLER, now=1000.0))
    opened = sessions.opened(sealed, now=1059.0)
    assert opened is not None
    assert (opened.key, opened.tenant) == (KEY, "acme")
    assert sessions.opened(sealed, now=1060.0) is None
    assert Sessions(KeyRing.parse(new_key()), 60).opened(sealed, now=1001.0) is None
    raw = bytearray(base64.urlsafe_b64decode(sealed))
    for place in (0, 2, 10, len(raw) // 2, len(raw) - 1):
        tampered = bytes(raw[:place]) + bytes([raw[place] ^ 1]) + bytes(raw[place + 1 :])
        assert sessions.opened(base64.urlsafe_b64encode(tampered).decode(), now=1001.0) is None
    for text in ("", "AAAA", "no base64!", sealed[:-8], "\x00", "é"):
        assert sessions.opened(text, now=1001.0) is None


async def test_who_has_a_session_that_is_no_longer_good_signs_in_again(
    stranger: httpx.AsyncClient, app: Starlette
) -> None:
    sessions: Sessions = app.state.console.sessions
    old = sessions.sealed(sessions.begun(KEY, CALLER, now=time.time() - sessions.lifetime_s))
    answer = await stranger.get("/", headers={"cookie": f"{COOKIE}={old}"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert f'{COOKIE}=""' in answer.headers["set-cookie"]


async def test_a_revoked_key_ends_the_session(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    gateway.gets("/api/monitoring/summary", problem("authentication_failed", "revoked"), 401)
    assert (await browser.get("/")).headers["location"] == "/login"
    assert COOKIE not in browser.cookies


async def test_a_part_of_a_page_is_not_filled_with_the_sign_in(stranger: httpx.AsyncClient) -> None:
    part = await stranger.get("/", headers={"hx-request": "true"})
    assert (part.status_code, part.headers["hx-redirect"], part.text) == (204, "/login", "")


async def test_signing_out_forgets_the_key(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/logout", headers={"origin": ORIGIN})
    assert answer.headers["location"] == "/login"
    assert COOKIE not in browser.cookies


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site", "origin": ORIGIN}, False),
        ({"origin": ORIGIN}, True),
        ({"origin": "http://evil.test"}, False),
        ({"origin": "http://console.test.evil.test"}, False),
        ({"origin": "http://console.test:81"}, False),
        ({"origin": "null"}, False),
        ({}, True),
    ],
)
def test_what_another_page_sends_is_not_ours(headers: dict[str, str], ours: bool) -> None:
    assert is_ours(Headers({"host": "console.test", **headers})) is ours


@pytest.mark.parametrize("path", ["/login", "/logout", "/theme"])
async def test_another_page_can_post_nothing(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.post(path, data={"key": KEY, "theme": "dark"}, headers={"origin": "http://evil.test"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_the_theme_is_kept_and_shown(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/theme", data={"theme": "dark", "next": "/?window=7d"})
    assert answer.headers["location"] == "/?window=7d"
    assert '<html lang="en" data-theme="dark">' in (await browser.get("/login")).text
    browser.cookies.set("tallygate_theme", '"><script>')
    assert '<html lang="en">' in (await browser.get("/login")).text


async def test_who_follows_a_link_of_another_site_is_asked_once_more_by_ours(browser: httpx.AsyncClient) -> None:
    """Whose cookie the browser has kept back is signed in all the same."""
    browser.cookies.clear()
    arrival = await browser.get("/errors?window=7d", headers={"sec-fetch-site": "cross-site"})
    assert arrival.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/errors?window=7d">' in arrival.text
    again = await browser.get("/errors?window=7d", headers={"sec-fetch-site": "same-origin"})
    assert again.headers["location"] == "/login?next=%2Ferrors%3Fwindow%3D7d"
