"""A model is set up in a browser, and asked there."""

import re

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenWindow, Window
from tests.support.live import Api, Live


async def set_up(page: Page, url: str, name: str, model_id: str) -> None:
    await page.get_by_label("Endpoint", exact=True).fill(url)
    await page.get_by_label("Its name at the endpoint").fill(name)
    await page.get_by_label("Its id here").fill(model_id)
    await page.get_by_role("button", name="Set it up").click()


async def ask(page: Page, question: str) -> None:
    await page.get_by_label("Message").fill(question)
    await page.get_by_role("button", name="Ask").click()


async def test_the_wizard_registers_a_model_and_the_playground_streams_from_it(
    stack: Live, tenant: Api, signed_in: Window
) -> None:
    page = await signed_in.go("/models")
    await expect(page.get_by_role("heading", name="There is no model yet")).to_be_visible()
    await page.get_by_role("link", name="Set up a model").click()
    await page.get_by_role("link", name="vLLM").click()
    await expect(page.get_by_label("Endpoint", exact=True)).to_have_value("http://localhost:8000/v1")

    await page.get_by_label("Endpoint", exact=True).fill(stack.model_server_url)
    await page.get_by_role("button", name="Try the endpoint").click()
    await expect(page.get_by_text("It can be used, and speaks openai-compatible.")).to_be_visible()
    await expect(page.locator("#probed .state.ok").first).to_be_visible()
    await expect(page.locator("#found-said")).to_contain_text("The endpoint lists")
    await set_up(page, stack.model_server_url, "demo", "first")
    await expect(page.get_by_role("heading", name="custom:first is active")).to_be_visible()

    await page.get_by_role("link", name="Ask it").click()
    await expect(page.get_by_role("combobox", name="Model", exact=True)).to_have_value("custom:first")
    await ask(page, "Are you there?")
    answer = page.get_by_label("Answer of custom:first")
    await expect(answer.get_by_role("link", name="The whole record of this inference")).to_be_visible()
    text = await answer.locator(".answer").inner_text()
    taken = await answer.locator(".taken").inner_text()
    [inference_id] = re.findall(r"/inferences/([0-9a-f-]{36})", await answer.inner_html())
    timeline = await tenant.settled(inference_id)

    assert text
    assert "completed" in taken
    assert timeline["model_served"] == "custom:first"
    assert timeline["attempts"][0]["streamed"]
    assert f"{timeline['attempts'][0]['input_tokens']} / {timeline['attempts'][0]['output_tokens']}" in taken


async def test_a_setup_that_fails_says_at_which_step_and_what_to_do(stack: Live, signed_in: Window) -> None:
    signed_in.complaints.expect("/models/new")
    page = await signed_in.go("/models/new")
    await page.get_by_label("Endpoint", exact=True).fill("http://127.0.0.1:9/v1")
    await page.get_by_role("button", name="Try the endpoint").click()
    await expect(page.locator("#probed .state.bad")).to_have_text(re.compile("tcp"))
    await expect(page.locator("#probed").get_by_role("alert")).to_be_visible()

    await set_up(page, stack.model_server_url, "fault-401", "refused")
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.locator(".steps .state.bad")).to_be_visible()
    await expect(page.get_by_label("Its id here")).to_have_value("refused")


async def test_an_answer_comes_bit_by_bit_and_can_be_stopped(stack: Live, tenant: Api, signed_in: Window) -> None:
    await tenant.add_model("slow", stack.model_server_url, "demo-rate-20-count-2000")
    page = await signed_in.go("/playground?model=custom:slow")
    await ask(page, "Tell me everything.")
    answer = page.get_by_label("Answer of custom:slow").locator(".answer")
    await expect(answer).to_have_text(re.compile(r"\S{3,}"))
    first = await answer.inner_text()
    await expect(answer).not_to_have_text(first)

    await page.get_by_role("button", name="Stop").click()
    await expect(page.get_by_text("Stopped")).to_be_visible()
    await expect(page.get_by_role("button", name="Ask")).to_be_enabled()
    summary = await tenant.monitoring(total=1)
    assert summary["requests"]["cancelled"] == 1


async def test_two_models_are_asked_beside_each_other_and_one_may_fail(
    stack: Live, tenant: Api, signed_in: Window
) -> None:
    signed_in.complaints.expect("500 to POST")
    await tenant.add_model("well", stack.model_server_url)
    await tenant.add_model("ill", stack.model_server_url, "fault-400-filter")
    signed_in.complaints.expect("/playground/stream")
    page = await signed_in.go("/playground?model=custom:well&beside=custom:ill")
    await ask(page, "Who is better?")

    await expect(page.get_by_label("Answer of custom:well").locator(".taken")).to_contain_text("completed")
    ill = page.get_by_label("Answer of custom:ill")
    await expect(ill.get_by_role("alert")).to_contain_text("content_filter")
    await expect(ill.locator(".taken")).to_contain_text("failed")


async def test_without_scripts_the_answer_is_shown_when_it_is_whole(
    stack: Live, tenant: Api, window: OpenWindow
) -> None:
    async with window(tenant, java_script_enabled=False) as opened:
        page = await opened.go("/models/new")
        await page.get_by_label("Endpoint", exact=True).fill(stack.model_server_url)
        await page.get_by_role("button", name="Try the endpoint").click()
        await expect(page.locator("#probed")).to_contain_text("It speaks openai-compatible")
        await set_up(page, stack.model_server_url, "demo", "plain")
        await page.get_by_role("link", name="Ask it").click()
        await ask(page, "Are you there?")

        await expect(page.get_by_label("Answer of custom:plain").locator(".answer")).to_have_text(re.compile(r"\S"))
        await expect(page.locator(".taken")).to_contain_text("custom:plain")
