"""The pictures of docs/images/console-*.png: python -m pytest tests/browser/test_screenshots.py --screenshots

With --screenshots-into FOLDER every page is pictured there in every size.
"""

from pathlib import Path

import pytest
from playwright.async_api import expect

import services
from tests.browser.conftest import SIZES, OpenWindow
from tests.browser.pages import EXPECTED, ON_PHONES, addresses
from tests.browser.world import World

_IMAGES = Path(services.__file__).parents[1] / "docs" / "images"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "phone"])
async def test_every_page_is_pictured(
    request: pytest.FixtureRequest, world: World, window: OpenWindow, size: str, theme: str
) -> None:
    if not request.config.getoption("--screenshots"):
        pytest.skip("pictures are taken with --screenshots only")
    elsewhere = request.config.getoption("--screenshots-into")
    folder = Path(elsewhere or _IMAGES)
    async with window(world.api, size=size, theme=theme) as opened:
        opened.complaints.expect(*EXPECTED)
        for name, path in addresses(world).items():
            if size == "phone" and name not in ON_PHONES and not elsewhere:
                continue
            page = await opened.go(path)
            if name == "playground":
                await page.get_by_label("Beside it").select_option("custom:south-70b")
                await page.get_by_label("Message").fill("How far is it to the next star?")
                await page.get_by_role("button", name="Ask").click()
                await expect(page.get_by_role("link", name="The whole record of this inference")).to_have_count(2)
            await page.wait_for_load_state("networkidle")
            height = await page.evaluate("document.documentElement.scrollHeight")
            await page.set_viewport_size({"width": SIZES[size][0], "height": max(SIZES[size][1], height)})
            await page.screenshot(path=folder / f"console-{name}-{size}-{theme}.png")
            await page.set_viewport_size({"width": SIZES[size][0], "height": SIZES[size][1]})
