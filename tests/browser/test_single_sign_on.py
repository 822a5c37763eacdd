"""A whole sign-in by an identity provider, as Chromium does it: between two sites, with Strict cookies and the content
security policy of the console. It needs no stack."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, expect

from deploy.local.ports import free_port
from deploy.local.readiness import http_not_ready
from deploy.local.waiting import wait_until
from services.console.app import make_app
from services.console.settings import ConsoleSettings
from shared.crypto.keys import new_key
from tests.browser.complaints import Complaints
from tests.support.fake_gateway import KEY, FakeGateway, fake_gateway
from tests.support.identity_provider.running import IdentityProvider, identity_provider, oidc_environment

_READY_S = 60.0


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[IdentityProvider]:
    with identity_provider(tmp_path) as running:
        yield running


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with fake_gateway() as opened:
        yield opened


@pytest_asyncio.fixture
async def single_sign_on_url(
    gateway: FakeGateway, provider: IdentityProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """A console at which everyone in the group ops may do everything. Not at 127.0.0.1, as the provider: these are two
    sites for a browser."""
    port = free_port()
    url = f"http://localhost:{port}"
    provider.know(url, ada=["ops"])
    key_file = tmp_path / "ops.key"
    key_file.write_text(KEY)
    environment = oidc_environment(provider.url, url, {"ops": key_file}) | {
        "TALLYGATE_KEYS": new_key(), "TALLYGATE_GATEWAY_URL": gateway.url,
    }  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    server = uvicorn.Server(uvicorn.Config(make_app(ConsoleSettings()), host="127.0.0.1", port=port, log_config=None))
    serving = asyncio.create_task(server._serve())
    try:
        await asyncio.to_thread(wait_until, lambda: http_not_ready(f"{url}/readyz"), _READY_S)
        yield url
    finally:
        server.should_exit = True
        await serving


async def test_people_sign_in_and_out_at_the_provider_without_scripts(
    browser: Browser, single_sign_on_url: str
) -> None:
    context = await browser.new_context(java_script_enabled=False)
    complaints = Complaints(context)
    complaints.expect("404 to GET")  # the gateway has nothing to show
    page = await context.new_page()
    try:
        await page.goto(f"{single_sign_on_url}/models?window=7d")
        await page.get_by_role("link", name="Sign in with Acme").click()
        await page.get_by_label("User").fill("ada")
        await page.get_by_label("Password").fill("ada")
        await page.get_by_role("button", name="Enter").click()
        await page.wait_for_url(f"{single_sign_on_url}/models?window=7d")
        await expect(page.locator(".person")).to_contain_text("ada")
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_role("button", name="Logout").click()
        await page.wait_for_url(f"{single_sign_on_url}/login")
        await page.goto(f"{single_sign_on_url}/models")
        await expect(page.get_by_role("link", name="Sign in with Acme")).to_be_visible()
    finally:
        await context.close()
    assert not complaints.left(), complaints.left()
