"""Models in the browser: tried, changed and removed, also by two people at once."""

from urllib.parse import quote

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenWindow, Window
from tests.browser.world import HOSTILE
from tests.support.live import Api, Live


async def save(page: Page, description: str) -> None:
    await page.get_by_label("Description").fill(description)
    await page.get_by_role("button", name="Save").click()


async def test_models_are_found_by_name_and_state(stack: Live, tenant: Api, signed_in: Window) -> None:
    await tenant.add_model("near", stack.model_server_url)
    await tenant.add_model("far", stack.model_server_url)
    page = await signed_in.go("/models")
    rows = page.get_by_role("rowheader")
    await expect(rows).to_have_text(["custom:far", "custom:near"])
    await page.get_by_label("Search").fill("NEAR")
    await page.get_by_role("button", name="Filter").click()
    await expect(rows).to_have_text(["custom:near"])
    assert "q=NEAR" in page.url
    await rows.get_by_role("link").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("custom:near")


async def test_a_test_of_a_model_is_on_record_and_says_why_it_failed(
    stack: Live, tenant: Api, signed_in: Window
) -> None:
    await tenant.add_model("well", stack.model_server_url)
    await tenant.add_model("ill", stack.model_server_url, "fault-401")
    signed_in.complaints.expect("/test")
    page = await signed_in.go("/models/custom:well")
    await page.get_by_role("button", name="Test it").click()
    await expect(page.get_by_role("status")).to_contain_text("It answers, in")
    inference_id = await page.locator(".notice a").inner_text()
    assert (await tenant.settled(inference_id))["model_served"] == "custom:well"

    await signed_in.go("/models/custom:ill")
    await page.get_by_role("button", name="Test it").click()
    await expect(page.get_by_role("alert")).to_contain_text("That did not work")


async def test_the_second_of_two_who_change_a_model_is_told_and_loses_nothing_of_the_first(
    stack: Live, tenant: Api, signed_in: Window, window: OpenWindow
) -> None:
    await tenant.add_model("shared", stack.model_server_url)
    async with window(tenant) as second:
        second.complaints.expect("409 to POST", "404 to POST")
        mine, yours = await signed_in.go("/models/custom:shared"), await second.go("/models/custom:shared")
        await save(mine, "mine")
        await expect(mine.get_by_label("Description")).to_have_value("mine")

        await save(yours, "yours")
        await expect(yours.get_by_role("alert")).to_contain_text("changed by somebody else")
        await expect(yours.get_by_label("Description")).to_have_value("mine")
        await save(yours, "yours after all")
        await expect(yours.get_by_role("alert")).to_have_count(0)
        assert (await tenant.get("/api/models/custom/shared")).body["description"] == "yours after all"

        await signed_in.go("/models/custom:shared")
        await mine.get_by_text("Remove this model").click()
        await mine.get_by_role("button", name="Remove custom:shared").click()
        await expect(mine.get_by_role("heading", name="There is no model yet")).to_be_visible()
        await save(yours, "too late")
        await expect(yours.get_by_role("alert")).to_contain_text("There is no model custom:shared")


async def test_a_paused_model_is_kept_and_not_selected(stack: Live, tenant: Api, signed_in: Window) -> None:
    await tenant.add_model("m", stack.model_server_url)
    page = await signed_in.go("/models/custom:m")
    await page.get_by_role("button", name="Pause it").click()
    await expect(page.get_by_role("button", name="Activate it")).to_be_visible()
    assert not (await tenant.get("/api/models/custom/m")).body["is_active"]


async def test_what_names_and_errors_hold_is_shown_as_text(stack: Live, tenant: Api, signed_in: Window) -> None:
    """Also by the scripts, which write what an endpoint says into the page."""
    await tenant.add_model("m", stack.model_server_url, description=HOSTILE, config={"model": "fault-400"})
    signed_in.complaints.expect("/playground/stream", "/test")
    page = await signed_in.go("/models/custom:m")
    shown = page.locator(".what")
    await expect(shown).to_contain_text('<script>alert("x")</script><img src=x onerror=alert(1)>')
    assert await shown.evaluate("(element) => element.children.length") == 0
    assert "\x1b" not in await shown.inner_text()
    assert "\u202e" not in await shown.inner_text()
    for path in ("/models", "/changes", f"/models/{quote(HOSTILE, safe='')}"):
        signed_in.complaints.expect("404 to GET")
        await signed_in.go(path)
        assert await page.locator("main script, main img").count() == 0
