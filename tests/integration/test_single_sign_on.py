"""Sign-in to the console by an identity provider that is a process of its own, and what must not sign anybody in."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
import structlog
from starlette.applications import Starlette

from deploy.local.ports import free_port
from services.console.app import make_app
from services.console.oidc import begun
from services.console.session import COOKIE
from services.console.settings import ConsoleSettings
from shared.crypto.keys import new_key
from tests.support.cut_line import CutLine
from tests.support.fake_gateway import KEY, FakeGateway, fake_gateway
from tests.support.identity_provider.running import CLIENT_SECRET, IdentityProvider, identity_provider, oidc_environment

ORIGIN = "https://console.test"
KEYS = {"ops": "tg_ops.secret-of-ops", "readers": "tg_readers.secret-of-readers"}
CALLERS = {
    KEYS[role]: {"tenant": tenant, "key_id": f"key-{role}", "scopes": [scope], "allowed_models": None}
    for role, tenant, scope in (("ops", "tenant-of-ops", "admin"), ("readers", "tenant-of-readers", "monitor"))
}
OIDC_PATH = "/login/oidc"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    with identity_provider(tmp_path_factory.mktemp("provider")) as running:
        running.know(
            ORIGIN,
            ada=["ops", "staff"], bob=["readers"], cleo=["readers", "ops"], thin=["readers"], eve=["<b>sales</b>"],
        )  # fmt: skip
        yield running


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with fake_gateway() as opened:
        opened.callers |= CALLERS
        yield opened


class Line(NamedTuple):
    """The way to the provider, and its address there."""

    cut: CutLine
    url: str


@pytest.fixture
async def line(provider: IdentityProvider) -> AsyncIterator[Line]:
    port = free_port()
    async with CutLine.between(("127.0.0.1", port), ("127.0.0.1", provider.port)) as cut:
        yield Line(cut, f"http://127.0.0.1:{port}")


@pytest.fixture
def app(gateway: FakeGateway, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Starlette:
    files = {role: tmp_path / f"{role}.key" for role in KEYS}
    for role, path in files.items():
        path.write_text(f"{KEYS[role]}\n")
    environment = oidc_environment(line.url, ORIGIN, files) | {
        "TALLYGATE_KEYS": new_key(), "TALLYGATE_GATEWAY_URL": gateway.url,
    }  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return make_app(ConsoleSettings())


@pytest.fixture
async def browser(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at the console, in which nobody is signed in."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield client


async def begin(browser: httpx.AsyncClient, path: str = "/") -> str:
    """The address at the provider to which the browser is sent."""
    answer = await browser.get(OIDC_PATH, params={"next": path})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def at_provider(address: str, person: str) -> str:
    """The address at the console to which the provider sends the person back."""
    async with httpx.AsyncClient() as client:
        form = await client.get(address, follow_redirects=True)
        entered = await client.post(form.url, data=hidden(form) | {"username": person, "password": person})
        assert entered.status_code == 302, entered.text
        back = await client.get(address)
    assert back.status_code == 302, back.text
    return back.headers["location"]


def hidden(form: httpx.Response) -> dict[str, str]:
    """The fields of the form that nobody fills in."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="(.+?)"', form.text))


async def signed_in(browser: httpx.AsyncClient, person: str, path: str = "/") -> httpx.Response:
    return await browser.get(await at_provider(await begin(browser, path), person))


def changed(address: str, **parameters: str) -> str:
    parts = urlsplit(address)
    return parts._replace(query=urlencode(dict(parse_qsl(parts.query)) | parameters)).geturl()


def refused(answer: httpx.Response, status: int, *said: str) -> None:
    """The form to sign in is shown, with what went wrong; nobody is signed in."""
    assert answer.status_code == status, answer.text
    assert 'name="key"' in answer.text
    assert not [part for part in said if part not in answer.text]
    assert COOKIE not in answer.cookies


async def who(browser: httpx.AsyncClient) -> str:
    """The tenant whose pages are shown."""
    shown = re.search(r"Tenant</span>([\w-]+)", (await browser.get("/")).text)
    assert shown is not None
    return shown[1]


@pytest.mark.parametrize(
    ("person", "tenant"),
    [("ada", "tenant-of-ops"), ("bob", "tenant-of-readers"), ("cleo", "tenant-of-ops"), ("thin", "tenant-of-readers")],
)
async def test_groups_say_whose_pages_somebody_sees(
    browser: httpx.AsyncClient, gateway: FakeGateway, person: str, tenant: str
) -> None:
    """Of several the first of the settings; of `thin` only the userinfo tells them. The gateway is told who it is."""
    answer = await signed_in(browser, person, "/errors?window=7d")
    assert answer.status_code == 200, answer.text
    assert f"signed in as {person}." in answer.text
    assert '<meta http-equiv="refresh" content="0; url=/errors?window=7d">' in answer.text
    assert await who(browser) == tenant
    assert gateway.asked[-1].person == person


async def test_a_sign_in_leaves_no_secret_anywhere(browser: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as logged:
        form = await browser.get("/login?next=%2Fmodels")
        assert 'href="/login/oidc?next=%2Fmodels">Sign in with Acme<' in form.text
        address = await begin(browser)
        on_its_way = browser.cookies[begun.COOKIE]
        back = await at_provider(address, "ada")
        answer = await browser.get(back)
    cookies = {text.partition("=")[0]: set(text.split("; ")) for text in answer.headers.get_list("set-cookie")}
    assert {"HttpOnly", "SameSite=strict", "Secure", "Path=/"} <= cookies[COOKIE]
    assert {"Max-Age=0", "Path=/login/oidc"} <= cookies[begun.COOKIE]
    asked = parse_qs(urlsplit(address).query)
    assert asked["code_challenge_method"] == ["S256"]
    secrets = [*KEYS.values(), CLIENT_SECRET, parse_qs(urlsplit(back).query)["code"][0], "eyJ"]
    seen = f"{logged} {answer.text} {answer.headers} {on_its_way}"
    assert not [secret for secret in secrets if secret in seen]
    assert [line["event"] for line in logged] == ["person.signed_in"]


async def test_who_has_no_role_is_told_which_claim_was_looked_at(browser: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as logged:
        answer = await signed_in(browser, "eve")
    refused(answer, 403, "knows you as eve", "The claim groups was looked for", "&lt;b&gt;sales&lt;/b&gt;")
    assert "sales" not in str(logged)


@pytest.mark.parametrize("path", ["//evil.test", "https://evil.test", "/\\evil.test", "/" + "x" * 3000])
async def test_a_sign_in_leads_to_a_page_of_ours(browser: httpx.AsyncClient, path: str) -> None:
    assert 'content="0; url=/"' in (await signed_in(browser, "ada", path)).text


async def test_an_answer_for_another_browser_signs_nobody_in(browser: httpx.AsyncClient) -> None:
    back = await at_provider(await begin(browser), "ada")
    refused(await browser.get(changed(back, state="other")), 400, "not begun in this browser")
    kept = browser.cookies[begun.COOKIE]
    browser.cookies.clear()
    refused(await browser.get(back), 400, "not begun in this browser")
    refused(await browser.get(back, headers={"cookie": f"{begun.COOKIE}={kept[:-9]}AAAAAAAA="}), 400)


async def test_a_sign_in_that_took_too_long_is_over(
    browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.console.oidc.provider.LASTS_S", -1)
    refused(await browser.get(await at_provider(await begin(browser), "ada")), 400, "ten minutes")


@pytest.mark.parametrize(
    ("parameter", "said"), [("nonce", "Invalid claim: &#39;nonce&#39;"), ("code_challenge", "invalid_grant")]
)
async def test_a_code_of_another_sign_in_is_refused(browser: httpx.AsyncClient, parameter: str, said: str) -> None:
    address = changed(await begin(browser), **{parameter: "x" * 43})
    refused(await browser.get(await at_provider(address, "ada")), 401, said)


async def test_a_code_is_good_once(browser: httpx.AsyncClient) -> None:
    back = await at_provider(await begin(browser), "ada")
    cookie = {"cookie": f"{begun.COOKIE}={browser.cookies[begun.COOKIE]}"}
    assert (await browser.get(back)).status_code == 200
    refused(await browser.get(back), 400, "not begun in this browser")
    browser.cookies.clear()
    refused(await browser.get(back, headers=cookie), 401, "invalid_grant")


@pytest.mark.parametrize(("expires_s", "lasts_s"), [(-600, None), (-30, 30), (120, 180), (99_999, 28_800)])
async def test_a_session_lasts_no_longer_than_the_token(
    browser: httpx.AsyncClient, provider: IdentityProvider, expires_s: int, lasts_s: int | None
) -> None:
    """And a minute for clocks that are apart; never longer than one by API key."""
    provider.set(expires_s=expires_s)
    try:
        answer = await signed_in(browser, "ada")
    finally:
        provider.set(expires_s=36_000)
    if lasts_s is None:
        return refused(answer, 401, "The token is expired")
    age = re.search(rf"{COOKIE}=.*?Max-Age=(\d+)", str(answer.headers.get_list("set-cookie")))
    assert age is not None
    assert lasts_s - 25 <= int(age[1]) <= lasts_s
    return None


async def test_keys_of_the_provider_may_change_at_any_time(
    browser: httpx.AsyncClient, provider: IdentityProvider
) -> None:
    assert (await signed_in(browser, "ada")).status_code == 200
    provider.set(rotate=True)
    assert (await signed_in(browser, "bob")).status_code == 200
    assert await who(browser) == "tenant-of-readers"


async def test_while_the_provider_is_away_keys_sign_in(browser: httpx.AsyncClient, line: Line) -> None:
    await signed_in(browser, "ada")
    back = await at_provider(await begin(browser), "ada")
    with line.cut.closed():
        refused(await browser.post("/logout"), 503, "signed out here, and perhaps not there")
        assert COOKIE not in browser.cookies
        for path in (back, OIDC_PATH):
            refused(await browser.get(path), 503, f"{line.url} cannot be reached", "Sign in with an API key")
        answer = await browser.post("/login", data={"key": KEY})
        assert answer.status_code == 303
        assert await who(browser) == "acme"
    assert (await signed_in(browser, "ada")).status_code == 200


async def test_a_provider_that_names_itself_otherwise_is_not_trusted(
    browser: httpx.AsyncClient, provider: IdentityProvider
) -> None:
    provider.set(issuer="https://evil.test")
    try:
        refused(await browser.get(OIDC_PATH), 401, "the issuer https://evil.test")
    finally:
        provider.set(issuer="")


async def test_what_the_provider_says_instead_is_shown_as_text(browser: httpx.AsyncClient) -> None:
    state = parse_qs(urlsplit(await begin(browser)).query)["state"][0]
    said: dict[str, Any] = {"state": state, "error": "access_denied", "error_description": "<script>no</script>"}
    answer = await browser.get(f"{OIDC_PATH}/callback", params=said)
    refused(answer, 401, "access_denied", "&lt;script&gt;no&lt;/script&gt;")


async def test_a_role_whose_key_was_revoked_signs_nobody_in(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    del gateway.callers[KEYS["ops"]]
    refused(await signed_in(browser, "ada"), 403, "does not accept the API key of the role ops")


async def test_signing_out_leads_to_the_provider_which_leads_back(browser: httpx.AsyncClient) -> None:
    await signed_in(browser, "ada")
    answer = await browser.post("/logout", headers={"origin": ORIGIN})
    assert COOKIE not in browser.cookies
    there = re.search(r'content="0; url=(.+?)"', answer.text)
    assert there is not None
    async with httpx.AsyncClient() as client:
        back = await client.get(there[1].replace("&amp;", "&"))
    assert back.headers["location"] == f"{ORIGIN}/login"


async def test_who_has_several_roles_changes_between_them(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    await signed_in(browser, "cleo")
    before = browser.cookies[COOKIE]
    changed_to = await browser.post("/role", data={"role": "readers"})
    assert (changed_to.status_code, await who(browser)) == (303, "tenant-of-readers")
    assert browser.cookies[COOKIE] != before
    assert (await browser.post("/role", data={"role": "staff"})).status_code == 403
    assert (
        await browser.post("/role", data={"role": "ops"}, headers={"origin": "https://evil.test"})
    ).status_code == 403
    assert await who(browser) == "tenant-of-readers"
    del gateway.callers[KEYS["ops"]]
    refusal = await browser.post("/role", data={"role": "ops"})
    assert "does not accept the API key of the role ops" in refusal.text
    assert await who(browser) == "tenant-of-readers"
