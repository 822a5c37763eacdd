"""One browser for a session, and for each test a window of its own in which somebody is signed in."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.browser.chromium import chromium, flags
from tests.browser.complaints import Complaints
from tests.browser.world import World, made
from tests.support.live import Api, Live
from tests.unit.jobs.webhooks.receivers import receiver

SIZES = {"wide": (1280, 800), "phone": (390, 844), "narrow": (360, 740)}
_TIMEOUT_MS = 20_000  # a busy machine is slow; what is there is found at once

OpenWindow = Callable[..., AbstractAsyncContextManager["Window"]]


@dataclass
class Window:
    """A browser's window: its page, what it complained of, and where the console is."""

    page: Page
    console_url: str
    complaints: Complaints

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    async def go(self, path: str) -> Page:
        """Returns when the page is there; its scripts may still be at work."""
        await self.page.goto(self.console_url + path)
        return self.page

    async def sign_in(self, api: Api) -> None:
        assert api.key is not None
        await self.go("/login")
        await self.page.get_by_label("API key").fill(api.key)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.wait_for_url(lambda url: "/login" not in url)


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    executable = chromium()
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=executable, args=flags())
        yield launched
        await launched.close()


@pytest_asyncio.fixture(scope="session")
async def world(stack: Live) -> AsyncIterator[World]:
    async with receiver() as takes_all:
        yield await made(stack, takes_all.url)


@pytest_asyncio.fixture
async def window(browser: Browser, console_url: str) -> AsyncIterator[OpenWindow]:
    """Opens windows. What one of them complains of, and no test expected, fails the test."""
    left: list[str] = []

    @asynccontextmanager
    async def open_window(
        api: Api | None = None, *, size: str = "wide", theme: Any = "light", **more: Any
    ) -> AsyncIterator[Window]:
        width, height = SIZES[size]
        context = await browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce",
            locale="en-GB", timezone_id="Europe/Berlin", **more,
        )  # fmt: skip
        context.set_default_timeout(_TIMEOUT_MS)
        opened = Window(await context.new_page(), console_url, Complaints(context))
        try:
            if api is not None:
                await opened.sign_in(api)
            yield opened
        finally:
            await context.close()
        left.extend(opened.complaints.left())

    yield open_window
    assert not left, "\n".join(left)


@pytest_asyncio.fixture
async def signed_in(window: OpenWindow, tenant: Api) -> AsyncIterator[Window]:
    """A wide, light window of a tenant of the test's own."""
    async with window(tenant) as opened:
        yield opened
