"""A webhook from its page: added, tested, disabled and enabled, and a delivery sent again."""

from playwright.async_api import expect
from standardwebhooks.webhooks import Webhook

from tests.browser.conftest import Window
from tests.unit.jobs.webhooks.receivers import receiver

_WITHIN_MS = 30_000


async def test_a_webhook_is_added_tested_and_a_delivery_sent_again(signed_in: Window) -> None:
    async with receiver() as here:
        page = await signed_in.go("/webhooks")
        await page.locator("summary", has_text="Add a webhook").click()
        form = page.locator("form[action='/webhooks']")
        await form.get_by_label("Address").fill(here.url)
        await form.get_by_label("Name", exact=True).fill("from the browser")
        await form.get_by_label("budget.reached").check()
        await form.get_by_role("button", name="Add it").click()
        await expect(page.get_by_role("heading", name="A new webhook")).to_be_visible()
        secret = await page.locator(".notice code").inner_text()

        await page.get_by_role("link", name="The webhook").click()
        assert secret not in await page.content()
        await page.get_by_role("button", name="Send a test").click()
        delivered = page.get_by_role("row").filter(has_text="delivered")
        await expect(delivered).to_have_count(1, timeout=_WITHIN_MS)  # the page looks again by itself
        await delivered.get_by_role("button", name="Send again").click()
        await expect(delivered.get_by_role("cell", name="2", exact=True)).to_be_visible(timeout=_WITHIN_MS)
        [first, again] = here.received
        assert first.headers["webhook-id"] == again.headers["webhook-id"]
        Webhook(secret).verify(again.body, again.headers)

        await page.get_by_role("button", name="Disable it").click()
        await expect(page.get_by_role("alert")).to_contain_text("It is disabled: it was asked for")
        await expect(page.get_by_role("button", name="Send a test")).to_have_count(0)
        await page.get_by_role("button", name="Enable it").click()
        await expect(page.get_by_role("button", name="Send a test")).to_be_visible()
