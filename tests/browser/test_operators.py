"""What operators see and do: keys, tenants, plans, changes, instances, feature jobs."""

import asyncio
import json
import re
import uuid

from playwright.async_api import expect

from tests.browser.conftest import OpenWindow, Window
from tests.browser.world import World
from tests.support.live import Api, Live


async def test_a_key_is_shown_once_works_and_is_revoked(stack: Live, window: OpenWindow) -> None:
    tenant = f"t-{uuid.uuid4().hex[:12]}"
    async with window(stack.admin) as opened:
        page = await opened.go("/keys")
        await page.locator("summary", has_text="Make a key").click()
        form = page.locator("form[action='/keys']")
        await form.get_by_label("Tenant", exact=True).fill(tenant)
        await form.get_by_label("Name", exact=True).fill("from the browser")
        await form.get_by_role("button", name="Make the key").click()
        await expect(page.get_by_role("heading", name="A new key")).to_be_visible()
        key = await page.locator(".notice code").inner_text()
        assert (await stack.api(key).get("/api/models/list")).status == 200

        await opened.go(f"/keys?tenant={tenant}")
        assert key not in await page.content()
        await page.locator("summary", has_text="Revoke").click()
        await page.get_by_role("button", name=re.compile("Revoke .* now")).click()
        await opened.go(f"/keys?tenant={tenant}")
        await expect(page.get_by_role("heading", name="No key matches")).to_be_visible()
        assert (await stack.api(key).get("/api/models/list")).status == 401


async def test_a_plan_holds_for_its_tenants_and_is_not_removed_under_them(
    stack: Live, tenant: Api, window: OpenWindow
) -> None:
    plan = f"p-{uuid.uuid4().hex[:8]}"
    name = (await tenant.get("/api/tenants")).body["tenants"][0]["tenant"]
    async with window(stack.admin) as opened:
        opened.complaints.expect("409 to POST", "400 to POST")
        page = await opened.go("/keys/plans")
        await page.get_by_label("Name", exact=True).fill(plan)
        await page.get_by_label("Dollars a day").fill("ten")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("alert")).to_contain_text("Dollars a day must be a number")
        await page.get_by_label("Dollars a day").fill("10")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("rowheader", name=plan)).to_be_visible()

        await opened.go(f"/keys/tenants/{name}")
        await page.get_by_role("combobox", name="Plan", exact=True).select_option(plan)
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator(".figure").first).to_contain_text("of $10")

        await opened.go("/keys/plans")
        row = page.get_by_role("row", name=re.compile(plan))
        await row.locator("summary").click()
        await row.get_by_role("button", name=f"Remove {plan} now").click()
        await expect(page.get_by_role("alert")).to_contain_text("tenants still have the plan")


async def test_who_is_no_operator_has_no_pages_of_operators(signed_in: Window) -> None:
    page = await signed_in.go("/changes")
    names = await page.get_by_role("navigation", name="Pages").get_by_role("link").all_inner_texts()
    assert {"Models", "Playground", "Changes"} <= {name.strip() for name in names}
    assert not {"Keys", "Instances"} & {name.strip() for name in names}
    signed_in.complaints.expect("403 to GET")
    await signed_in.go("/instances")
    await expect(page.get_by_role("alert")).to_contain_text("permission_denied")


async def test_changes_are_read_page_by_page(stack: Live, tenant: Api, signed_in: Window) -> None:
    for number in range(51):
        await tenant.add_model(f"m{number}", stack.model_server_url)
    page = await signed_in.go("/changes")
    await expect(page.get_by_role("row")).to_have_count(51)
    await page.get_by_role("link", name="Older").click()
    await expect(page.get_by_role("link", name="custom:m0", exact=True)).to_be_visible()
    await expect(page.get_by_role("link", name="Older")).to_have_count(0)


async def test_instances_tell_who_is_at_work_and_what_is_dead(stack: Live, window: OpenWindow) -> None:
    async with window(stack.admin) as opened:
        page = await opened.go("/instances")
        await expect(page.get_by_role("region", name="Routers").get_by_text("at work").first).to_be_visible()
        await expect(page.get_by_role("region", name="Workers for feature jobs")).to_contain_text("template")
        letters = page.get_by_role("region", name="Dead letters")
        await expect(letters.get_by_role("rowheader").first).to_have_text("inference.requests.v1")


async def test_a_batch_leads_to_its_inferences_and_its_files(world: World, window: OpenWindow) -> None:
    async with window(world.api) as opened:
        page = await opened.go("/batches")
        await page.get_by_label("State").select_option("completed")
        await page.get_by_role("button", name="Filter").click()
        await expect(page.get_by_role("rowheader")).to_have_count(1)
        await page.get_by_role("link", name=world.batch).click()
        await expect(page.locator(".figure").nth(1)).to_contain_text("12")
        await expect(page.locator(".figure").nth(2)).to_contain_text("2")
        async with page.expect_download() as downloading:
            await page.get_by_role("definition").get_by_role("link").nth(1).click()
        output = await (await downloading.value).path()
        answers = (await asyncio.to_thread(output.read_text)).splitlines()
        assert {json.loads(line)["custom_id"] for line in answers} == {f"star-{number}" for number in range(10)}
        await page.get_by_role("link", name="Its inferences").click()
        await expect(page.get_by_role("region", name="Inferences").get_by_role("row")).to_have_count(13)


async def test_a_job_shows_its_steps_and_a_coloured_diff(world: World, window: OpenWindow) -> None:
    async with window(world.api) as opened:
        page = await opened.go("/features")
        await page.get_by_role("link", name=world.job).click()
        await expect(page.locator(".figure").first).to_contain_text("completed")
        added = page.locator(".diff .added").filter(has_text="healthz")
        await expect(added.first).to_be_visible()
        colour = await added.first.evaluate("(line) => getComputedStyle(line).color")
        same = await page.locator(".diff .same").first.evaluate("(line) => getComputedStyle(line).color")
        assert colour != same
        assert await page.locator(".steps li").count() > 2
