"""What is changed from pages: with the state that a form was made from, and without keeping a secret in a page."""

import httpx
import pytest

from tests.support.fake_gateway import FakeGateway, problem
from tests.unit.console.samples import (
    AT,
    BATCH,
    DELIVERY,
    FILE,
    HOOK,
    INFERENCE,
    LETTER,
    OWN,
    REPLAYED,
    RUNNING,
    STEPS,
    WEBHOOK,
    furnish,
)

MODEL = "/models/custom:north-8b"
STORED = "/api/models/custom/north-8b"
FORM = {"seen": AT, "endpoint_url": OWN["endpoint_url"], "description": "new"}
SECRET = "sk-this-is-secret"


def writes(gateway: FakeGateway) -> list[tuple[str, str]]:
    return [(asked.method, asked.path) for asked in gateway.asked if asked.method != "GET"]


async def test_a_form_changes_the_model_that_it_was_made_from(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    furnish(gateway)
    gateway.answers[f"PATCH {STORED}"] = lambda _: (200, OWN)

    answer = await browser.post(f"{MODEL}/change", data=FORM)

    assert (answer.status_code, answer.headers["location"]) == (303, "/models/custom:north-8b")
    assert writes(gateway) == [("PATCH", STORED)]


@pytest.mark.parametrize("act", ["change", "switch", "remove"])
async def test_what_somebody_else_has_changed_meanwhile_is_not_overwritten(
    browser: httpx.AsyncClient, gateway: FakeGateway, act: str
) -> None:
    furnish(gateway)
    gateway.gets(STORED, OWN | {"updated_at": "2026-11-30T09:00:01+00:00"})
    gateway.answers[f"PATCH {STORED}"] = lambda _: (409, problem("invalid_request", "it is not as it was"))

    answer = await browser.post(f"{MODEL}/{act}", data=FORM)

    assert answer.status_code == 409
    assert "changed by somebody else" in answer.text
    assert not [asked for asked in gateway.asked if asked.method == "DELETE"]
    assert [asked.body["if_updated_at"] for asked in gateway.asked if asked.method == "PATCH"] in ([], [AT])


async def test_what_somebody_else_has_removed_is_said(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    furnish(gateway)
    gateway.gets(STORED, problem("model_not_found", "there is no custom model"), 404)
    gateway.answers[f"PATCH {STORED}"] = lambda _: (404, problem("model_not_found", "there is no custom model"))

    answer = await browser.post(f"{MODEL}/change", data=FORM)

    assert answer.status_code == 404
    assert "There is no model custom:north-8b." in answer.text


async def test_a_setup_that_failed_keeps_what_was_entered_but_the_key(
    browser: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    furnish(gateway)
    failed = problem("authentication_failed", "the endpoint refused the key", "Look at the key.")
    gateway.answers["POST /api/models/setup"] = lambda _: (502, failed | {"steps": STEPS, "inference_id": INFERENCE})
    fields = {"model_id": "mine", "endpoint_url": "http://x/v1", "api_key": SECRET, "model": "demo"}

    answer = await browser.post("/models/new", data=fields)

    assert answer.status_code == 502
    assert 'value="mine"' in answer.text
    assert "Look at the key." in answer.text
    assert INFERENCE in answer.text
    assert SECRET not in answer.text


async def test_what_the_gateway_refuses_reaches_the_script_as_it_was_said(
    browser: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    refused = problem("rate_limited", "too many requests", "Wait.")
    gateway.answers["POST /v1/chat/completions"] = lambda _: (429, refused)

    answer = await browser.post("/playground/stream", data={"model": "custom:m", "question": "hi"})

    assert (answer.status_code, answer.json()["detail"]) == (429, "too many requests")
    [asked] = [asked for asked in gateway.asked if asked.method == "POST"]
    assert (asked.body["stream"], asked.body["model"]) == (True, "custom:m")


async def test_the_chosen_dead_letters_are_published_again_and_nothing_else(
    browser: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    furnish(gateway)
    gateway.answers["POST /api/dead-letters/replay"] = lambda _: (200, REPLAYED)
    page = await browser.get("/instances/dead-letters")
    assert page.text.count('name="letter ') == 1  # what was too large to be kept cannot be chosen

    nothing = await browser.post("/instances/dead-letters/replay", data={"topic": ""})
    done = await browser.post("/instances/dead-letters/replay", data={f"letter {LETTER['id']}": "on", "topic": ""})

    assert nothing.status_code == 400
    assert "Choose those to publish again." in nothing.text
    [asked] = [asked for asked in gateway.asked if asked.method == "POST"]
    assert asked.body == {"ids": [LETTER["id"]]}
    assert "partition 3, offset 99" in done.text


async def test_a_webhook_is_added_with_what_it_is_to_be_told_of(
    browser: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    gateway.answers["POST /api/webhooks"] = lambda _: (201, WEBHOOK | {"secret": SECRET})
    fields = {"url": " https://x/hook ", "name": "", "event_inference.failed": "1", "event_budget.reached": "1"}

    answer = await browser.post("/webhooks", data=fields)

    [asked] = [asked for asked in gateway.asked if asked.method == "POST"]
    assert asked.body == {"url": "https://x/hook", "events": ["inference.failed", "budget.reached"]}
    assert SECRET in answer.text


@pytest.mark.parametrize(
    ("form", "fields", "method", "path", "body"),
    [
        ("/test", {}, "POST", "/test", None),
        ("/switch", {"enabled": "true"}, "PATCH", "", {"enabled": True}),
        ("/switch", {"enabled": "false"}, "PATCH", "", {"enabled": False}),
        (f"/deliveries/{DELIVERY}/redeliver", {}, "POST", f"/deliveries/{DELIVERY}/redeliver", None),
    ],
)
async def test_what_is_done_with_a_webhook_leads_back_to_it(
    browser: httpx.AsyncClient, gateway: FakeGateway, form: str, fields: dict[str, str], method: str, path: str,
    body: object,
) -> None:  # fmt: skip
    gateway.answers[f"{method} /api/webhooks/{HOOK}{path}"] = lambda _: (202, {})

    answer = await browser.post(f"/webhooks/{HOOK}{form}", data=fields)

    assert (answer.status_code, answer.headers["location"]) == (303, f"/webhooks/{HOOK}")
    [asked] = [asked for asked in gateway.asked if asked.method == method]
    assert asked.body == body


async def test_a_batch_is_cancelled_and_its_page_is_shown_again(
    browser: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    gateway.answers[f"POST /v1/batches/{BATCH}/cancel"] = lambda _: (200, RUNNING)

    answer = await browser.post(f"/batches/{BATCH}/cancel")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/batches/{BATCH}")


async def test_a_file_is_handed_to_the_browser_to_keep_and_never_to_show(
    browser: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    furnish(gateway)

    answer = await browser.get(f"/batches/files/{FILE}/content")

    assert answer.json() == {"custom_id": "q1"}
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"


async def test_batches_are_filtered_and_their_cost_is_asked_for_once(
    browser: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    furnish(gateway)

    page = await browser.get("/batches?state=in_progress&after=batch_1")

    [asked] = [asked for asked in gateway.asked if asked.path == "/v1/batches"]
    assert asked.query == {"limit": "50", "status": "in_progress", "after": "batch_1"}
    assert len([asked for asked in gateway.asked if asked.path == "/api/monitoring/sessions"]) == 1
    assert "$1.50" in page.text
    assert f'href="?after={BATCH}&amp;state=in_progress"' in page.text
