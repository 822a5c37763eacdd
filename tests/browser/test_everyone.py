"""Pages for everyone: with any eyes, hands and screens."""

import asyncio
import re
from urllib.parse import quote

import pytest
from playwright.async_api import expect

from services.console.pages import PAGES
from tests.browser.accessibility import COLOURS, violations
from tests.browser.conftest import OpenWindow, Window
from tests.browser.pages import EXPECTED, addresses
from tests.browser.world import World
from tests.support.console import ConsoleProcess
from tests.support.live import Live


@pytest.mark.timeout(240)  # of every page
@pytest.mark.parametrize("size", ["wide", "phone"])
async def test_no_page_violates_a_rule_of_accessibility(world: World, window: OpenWindow, size: str) -> None:
    """Its colours in the dark too, for which nothing else changes."""
    found = []
    async with window(world.api, size=size, bypass_csp=True) as opened:
        opened.complaints.expect(*EXPECTED)
        for path in addresses(world).values():
            await opened.page.emulate_media(color_scheme="light")
            page = await opened.go(path)
            found += await violations(page)
            if await page.locator("summary").count():
                await page.locator("main details").evaluate_all("(all) => all.forEach((one) => { one.open = true; })")
                found += await violations(page)
            await page.emulate_media(color_scheme="dark")
            found += [f"in the dark: {line}" for line in await violations(page, COLOURS)]
    assert not found, "\n".join(dict.fromkeys(found))


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_who_is_not_signed_in_is_shown_an_accessible_form(window: OpenWindow, theme: str) -> None:
    async with window(theme=theme, bypass_csp=True) as opened:
        opened.complaints.expect("401 to POST")
        page = await opened.go("/login")
        found = await violations(page)
        await page.get_by_label("API key").fill("tg_00000000_" + "x" * 30)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        found += await violations(page)
    assert not found, "\n".join(found)


def test_every_page_of_the_navigation_is_looked_at(world: World) -> None:
    paths = {address.partition("?")[0] for address in addresses(world).values()}
    assert {page.path for page in PAGES} <= paths


async def test_no_page_scrolls_sideways_on_a_narrow_phone(world: World, window: OpenWindow) -> None:
    """What is wide scrolls in a box of its own."""
    async with window(world.api, size="narrow") as opened:
        opened.complaints.expect(*EXPECTED)
        wide = []
        for name, path in addresses(world).items():
            page = await opened.go(path)
            width = await page.evaluate("document.documentElement.scrollWidth")
            if width > 360:
                wide.append(f"{name}: {width}")
    assert not wide, wide


async def test_pages_are_worked_by_keyboard(world: World, window: OpenWindow) -> None:
    """The first key leads past the navigation; every link of it can be reached and followed."""
    async with window(world.api) as opened:
        page = await opened.go("/models")
        await page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the content")
        await expect(skip).to_be_focused()
        await expect(skip).to_be_in_viewport()
        await page.keyboard.press("Enter")
        await expect(page.locator("#main")).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Playground").last).to_be_focused()

        link = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Changes")
        await opened.go("/models")
        for _ in range(30):
            await page.keyboard.press("Tab")
            if await link.evaluate("(element) => element === document.activeElement"):
                break
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Changes")
        await expect(page.get_by_role("link", name="Changes")).to_have_attribute("aria-current", "page")


async def test_times_are_in_the_zone_of_the_reader_with_utc_at_hand(world: World, window: OpenWindow) -> None:
    async with window(world.api) as opened:
        page = await opened.go("/changes")
        time = page.locator("tbody time").first
        await expect(time).to_have_attribute("title", re.compile("UTC$"))
        await expect(time).not_to_have_text(re.compile("UTC$"))


async def test_the_chosen_colours_stay(stack: Live, window: OpenWindow) -> None:
    async with window(stack.admin, theme="light") as opened:
        page = await opened.go("/changes")
        before = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        await page.get_by_role("button", name="dark colours").click()
        await opened.go("/models")
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") != before


_ASKED_AGAIN_MS = 40_000  # a page asks for itself every five seconds

_OF_THE_FULLEST_POINT = """(place) => {
    const chart = JSON.parse(place.dataset.chart);
    const sums = chart.times.map((_, at) => chart.series.reduce((sum, one) => sum + (one.values[at] ?? 0), 0));
    const at = sums.indexOf(Math.max(...sums)), steps = chart.times.length;
    return [(at + 0.5) / steps, sums[at], new Date(chart.times[at] * 1000).toISOString().replace(".000Z", "Z")];
}"""


async def test_a_click_on_a_point_leads_to_the_inferences_behind_it(world: World, window: OpenWindow) -> None:
    async with window(world.api) as opened:
        page = await opened.go("/?window=1h")
        place = page.get_by_role("region", name="Requests", exact=True).locator(".plot")
        x, count, begins_at = await place.evaluate(_OF_THE_FULLEST_POINT)
        over = place.locator(".u-over")
        box = await over.bounding_box()
        assert box is not None
        await over.click(position={"x": x * box["width"], "y": box["height"] - 3})
        await page.wait_for_url(lambda url: "/inferences?" in url)
        assert f"from={quote(begins_at, safe='')}" in page.url
        shown = await page.locator("main tbody tr").count()
        assert 0 < shown <= count


async def test_a_page_says_what_is_away_and_comes_back_by_itself(
    stack: Live, console: ConsoleProcess, signed_in: Window
) -> None:
    signed_in.complaints.expect("503 to GET", "ERR_CONNECTION_REFUSED", "htmx")
    page = await signed_in.go("/inferences")
    heading, offline = page.get_by_role("heading", level=1), page.locator("#offline")
    stack.stack.stop_program("monitor")
    try:
        await expect(heading).to_have_text("Not at the moment", timeout=_ASKED_AGAIN_MS)
        await expect(page.get_by_role("alert")).to_contain_text("the monitor cannot be reached")
    finally:
        stack.stack.start_program("monitor")
        await asyncio.to_thread(stack.stack.wait_ready, "monitor")
    await expect(heading).to_have_text("Inferences", timeout=_ASKED_AGAIN_MS)

    await console.kill()
    try:
        await expect(offline).to_be_visible(timeout=_ASKED_AGAIN_MS)
    finally:
        await console.start()
    await expect(offline).to_be_hidden(timeout=_ASKED_AGAIN_MS)
