"""Events carried to real receivers, by a worker that is killed meanwhile."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from tests.support.live import Api, Live
from tests.unit.jobs.webhooks.receivers import Receiver, answers, hangs, receiver, takes

WEBHOOKS = "/api/webhooks"
_WITHIN_S = 60.0


async def until(condition: Callable[[], bool], what: Callable[[], object]) -> None:
    deadline = asyncio.get_running_loop().time() + _WITHIN_S
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, what()
        await asyncio.sleep(0.05)


async def add(tenant: Api, url: str, *events: str) -> dict[str, Any]:
    answer = await tenant.post(WEBHOOKS, {"url": url, "events": events or ("inference.settled",)})
    assert answer.status == 201, answer
    body: dict[str, Any] = answer.body
    return body


async def tried(tenant: Api, hook: dict[str, Any], state: str) -> dict[str, Any]:
    """The newest delivery of a webhook that was tried and is in that state."""
    deadline = asyncio.get_running_loop().time() + _WITHIN_S
    while True:
        items = (await tenant.get(f"{WEBHOOKS}/{hook['id']}/deliveries")).body["items"]
        for item in items:
            if item["tries"] and item["state"] == state:
                found: dict[str, Any] = item
                return found
        assert asyncio.get_running_loop().time() < deadline, items
        await asyncio.sleep(0.05)


def told(here: Receiver, secret: str) -> list[dict[str, Any]]:
    """The bodies of what was received, each verified by the library's own verifier."""
    return [Webhook(secret).verify(one.body, one.headers) for one in here.received]


def subjects(here: Receiver, secret: str) -> dict[str, set[str]]:
    """By inference, the ids under which it was told."""
    found: dict[str, set[str]] = {}
    for one in here.received:
        body = Webhook(secret).verify(one.body, one.headers)
        found.setdefault(body["data"]["inference_id"], set()).add(one.headers["webhook-id"])
    return found


async def slowly(request: web.BaseRequest) -> web.StreamResponse:
    """So that there is always something in the air when a worker dies."""
    await asyncio.sleep(0.3)
    return await takes(request)


@pytest_asyncio.fixture
async def model(stack: Live, tenant: Api) -> str:
    return await tenant.add_model("good", stack.model_server_url)


@pytest_asyncio.fixture
async def here() -> AsyncIterator[Receiver]:
    async with receiver() as found:
        yield found


async def asked(tenant: Api, model: str, times: int) -> list[str]:
    sent = [await tenant.chat(model) for _ in range(times)]
    assert {answer.status for answer in sent} == {200}
    return [answer.headers["x-tallygate-inference-id"] for answer in sent]


async def test_every_event_arrives_under_one_id_although_workers_are_killed(
    stack: Live, tenant: Api, model: str
) -> None:
    async with receiver(slowly) as here:
        hook = await add(tenant, here.url)
        ids: list[str] = []
        for _ in range(2):
            before = len(here.received)
            ids += await asked(tenant, model, 30)
            await until(lambda: len(here.received) > before, lambda: here.ids)  # noqa: B023 - it is awaited here
            stack.stack.signal_program("jobs", signal.SIGKILL)
        await until(
            lambda: subjects(here, hook["secret"]).keys() >= set(ids), lambda: Counter(subjects(here, hook["secret"]))
        )

        found = subjects(here, hook["secret"])
    assert found.keys() == set(ids)
    assert {len(names) for names in found.values()} == {1}
    assert len({name for names in found.values() for name in names}) == len(ids)


async def test_a_receiver_that_hangs_delays_no_other(tenant: Api, model: str, here: Receiver) -> None:
    async with receiver(hangs) as hanging:
        stuck, well = await add(tenant, hanging.url), await add(tenant, here.url)
        ids = await asked(tenant, model, 10)
        await until(lambda: subjects(here, well["secret"]).keys() >= set(ids), lambda: here.ids)

        failed = await tried(tenant, stuck, "waiting")
    assert failed["tries"][0]["error"] == "did not answer within 1.0 s"
    assert (await tenant.get(f"{WEBHOOKS}/{stuck['id']}")).body["failing_since"] is not None


async def test_what_was_not_taken_is_told_and_tried_again(tenant: Api, model: str) -> None:
    behaviours = [answers(500), answers(302, location="http://127.0.0.1:1/"), takes]

    async def in_turn(request: web.BaseRequest) -> web.StreamResponse:
        return await behaviours.pop(0)(request)

    async with receiver(in_turn) as here:
        hook = await add(tenant, here.url)
        await asked(tenant, model, 1)
        first = await tried(tenant, hook, "waiting")
        assert first["tries"][0]["error"] == "answered 500"
        path = f"{WEBHOOKS}/{hook['id']}/deliveries/{first['id']}"
        assert (await tenant.post(f"{path}/redeliver", {})).status == 202  # now, instead of in five seconds
        await until(lambda: len(here.received) > 1, lambda: here.ids)
        assert (await tried(tenant, hook, "waiting"))["id"] == first["id"]

        last = await tried(tenant, hook, "delivered")
    assert [one["status"] for one in last["tries"]] == [500, 302, 204]
    assert set(here.ids) == {first["id"]}
    body = (await tenant.get(path)).body["body"]
    assert body == told(here, hook["secret"])[0]


async def test_a_receiver_that_is_gone_is_disabled_with_the_reason_until_it_is_enabled(tenant: Api, model: str) -> None:
    behaviours = [answers(410), takes, takes]

    async def in_turn(request: web.BaseRequest) -> web.StreamResponse:
        return await behaviours.pop(0)(request)

    async with receiver(in_turn) as here:
        hook = await add(tenant, here.url)
        [gone] = await asked(tenant, model, 1)
        await tried(tenant, hook, "waiting")
        shown = (await tenant.get(f"{WEBHOOKS}/{hook['id']}")).body
        assert (shown["enabled"], shown["disabled_because"]) == (False, "its receiver answered 410: it is gone")
        refused = await tenant.post(f"{WEBHOOKS}/{hook['id']}/test", {})
        assert refused.status == 409
        assert "tallygate webhooks enable" in refused.body["tips"][0]

        assert (await tenant.call("PATCH", f"{WEBHOOKS}/{hook['id']}", {"enabled": True})).status == 200
        await until(lambda: len(here.received) == 2, lambda: here.ids)
        assert subjects(here, hook["secret"]).keys() == {gone}


async def test_secrets_are_rotated_with_overlap(stack: Live, tenant: Api, here: Receiver) -> None:
    hook = await add(tenant, here.url)
    new = (await tenant.post(f"{WEBHOOKS}/{hook['id']}/rotate-secret", {})).body["secret"]

    done = await stack.command("webhooks", "test", hook["id"], "--key", str(tenant.key))

    assert "was taken" in done.stdout
    for secret in (hook["secret"], new):
        assert told(here, secret)[0]["type"] == "webhook.test"


async def test_all_kinds_of_events_are_told(stack: Live, here: Receiver) -> None:
    tenant = await stack.new_tenant()
    hook = await add(tenant, here.url, "inference.failed", "feature.settled", "model.health", "budget.reached")
    bad = await tenant.add_model("bad", stack.model_server_url, "fault-401")
    assert {(await tenant.chat(bad, no_fallback=True)).status for _ in range(6)} == {424}
    job = {"files": [{"path": "a.py", "content": "x = 1\n"}], "featureRequest": "more", "generator": "template"}
    assert (await tenant.post("/api/repos/quality/generate-feature", job)).status == 202
    name = (await tenant.get("/api/caller")).body["tenant"]
    terms = await stack.admin.call("PATCH", f"/api/tenants/{name}", {"tokens_per_day": 1})
    assert terms.status == 200, terms
    good = await tenant.add_model("good", stack.model_server_url)
    assert (await tenant.chat(good)).status == 200

    wanted = {"inference.failed": 6, "feature.settled": 1, "model.health": 1, "budget.reached": 1}
    await until(lambda: _counted(here, hook["secret"]) == wanted, lambda: _counted(here, hook["secret"]))

    by_type = {body["type"]: body["data"] for body in told(here, hook["secret"])}
    assert by_type["inference.failed"]["error_type"] == "authentication_failed"
    assert (by_type["model.health"]["model"], by_type["model.health"]["status"]) == (bad, "unhealthy")
    assert by_type["budget.reached"]["budget"] == "tokens_per_day"


def _counted(here: Receiver, secret: str) -> dict[str, int]:
    """By type, each id once."""
    bodies = dict(zip(here.ids, told(here, secret), strict=True))
    return dict(Counter(body["type"] for body in bodies.values()))


@pytest.mark.parametrize(
    ("url", "error_type"),
    [
        ("http://10.255.255.1/hook", "endpoint_forbidden"),
        ("http://169.254.169.254/hook", "endpoint_forbidden"),
        ("http://127.1/hook", "invalid_request"),
        ("https://user:pass@receiver.example/", "invalid_request"),
        ("ftp://receiver.example/", "invalid_request"),
        ("https://receiver.example/?token=x", "invalid_request"),
    ],
)
async def test_an_address_that_may_not_be_called_is_not_saved(tenant: Api, url: str, error_type: str) -> None:
    answer = await tenant.post(WEBHOOKS, {"url": url, "events": ["inference.settled"]})

    assert (answer.status, answer.body["error_type"]) == (400, error_type)
    assert "endpoint_url" not in answer.text
    assert (await tenant.get(WEBHOOKS)).body["total"] == 0


async def test_another_tenant_sees_nothing_and_a_key_needs_the_scope(stack: Live, tenant: Api, here: Receiver) -> None:
    hook, other = await add(tenant, here.url), await stack.new_tenant()
    path = f"{WEBHOOKS}/{hook['id']}"
    asked: Sequence[tuple[str, str]] = (
        ("GET", path), ("DELETE", path), ("GET", f"{path}/deliveries"), ("POST", f"{path}/test"),
        ("POST", f"{path}/rotate-secret"),
    )  # fmt: skip
    assert {(await other.call(method, url)).status for method, url in asked} == {404}
    assert "secret" not in (await tenant.get(path)).body

    name = (await tenant.get("/api/caller")).body["tenant"]
    made = await stack.admin.post("/api/keys", {"tenant": name, "scopes": ["inference", "models", "monitor"]})
    assert (await stack.api(made.body["key"]).get(WEBHOOKS)).status == 403
