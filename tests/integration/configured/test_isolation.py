"""What is another tenant's cannot be seen, called, changed or inferred: it is answered like what is not there."""

import asyncio
import json
import re
import secrets
import time
import uuid
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, NamedTuple

import asyncpg
import pytest
import pytest_asyncio

from services.gateway.feature_jobs.store import FeatureStore
from services.monitor.routes import make_routes
from shared.client.requests import BATCHES, FILES, REPLY_KEYS, SESSIONS, SHADOW
from shared.db.reads import Reads, ReadSettings
from shared.events import FeatureRequested, new_id
from tests.integration.configured.conftest import BRING, HOUSE
from tests.support import planted
from tests.support.live import Api, Live
from tests.unit.jobs.webhooks.receivers import receiver

MODELS, HISTORY, CHAT = "/api/models/custom", "/api/codebase/chat", "/v1/chat/completions"
MONITORING, HEALTH, INFERENCES = f"{MODELS}/monitoring", "/api/monitoring/health", "/api/inferences"
RESPONSES, FEED = "/v1/responses", "/api/monitoring/live"
FEATURES, GENERATE = "/api/features", "/api/repos/quality/generate-feature"
WEBHOOKS, DELIVERIES = "/api/webhooks", "/deliveries/"

_PAIRS, _TRIES = 60, 8
_ALIKE_S, _ALIKE_SHARE = 0.003, 0.25
_WAIT_S = 20.0
# Headers that differ between any two requests.
_DIFFER = ("date", "x-request-id", "request-id", "openai-processing-ms", "x-ratelimit-", "anthropic-ratelimit-")
_HI = [{"role": "user", "content": "hi"}]


class Things(NamedTuple):
    """The id of one thing of each kind, as it stands in a path. background: an inference that nobody waited for;
    later_response: a response. delivery: with its webhook. capped: a session that has a cap."""

    model: str
    inference: str
    feature: str
    session: str
    key: str
    tenant: str
    plan: str
    provider: str
    response: str
    background: str
    later_response: str
    webhook: str
    delivery: str
    file: str
    batch: str
    capped: str
    reply_key: str


class Route(NamedTuple):
    """A route that is told an id of a `kind`, at its place in the path or at {id}; `status`: a stranger's answer."""

    method: str
    path: str
    kind: str
    status: int
    body: Any = None


def _name(route: Route) -> str:
    return f"{route.method} {route.path}"


ROUTES = [
    Route("GET", MODELS + "/{model_id}", "model", 404),
    Route("PATCH", MODELS + "/{model_id}", "model", 404, {"description": "mine now"}),
    Route("PATCH", MODELS + "/{model_id}", "model", 404, {"api_key": None, "endpoint_url": "http://10.0.0.1/v1"}),
    Route("DELETE", MODELS + "/{model_id}", "model", 404),
    Route("POST", MODELS + "/{model_id}/test", "model", 404, {}),
    Route("GET", "/v1/models/{model_id}", "model", 404),
    Route("GET", INFERENCES + "/{inference_id}", "inference", 404),
    Route("DELETE", INFERENCES + "/{inference_id}", "inference", 404),
    Route("GET", INFERENCES + "/{inference_id}", "background", 404),
    Route("GET", INFERENCES + "/{inference_id}/events", "background", 404),
    Route("GET", FEATURES + "/{feature_id}", "feature", 404),
    Route("GET", FEATURES + "/{feature_id}/events", "feature", 404),
    Route("DELETE", FEATURES + "/{feature_id}", "feature", 404),
    Route("DELETE", "/api/keys/{key_id}", "key", 403),
    Route("GET", "/api/tenants/{tenant_id}", "tenant", 404),
    Route("PATCH", "/api/tenants/{tenant_id}", "tenant", 403, {"usd_per_day": 0}),
    Route("PUT", "/api/plans/{plan_id}", "plan", 403, {"usd_per_day": 0}),
    Route("DELETE", "/api/plans/{plan_id}", "plan", 403),
    Route("DELETE", "/api/providers/{name}/key", "provider", 404),
    Route("PUT", "/api/providers/{name}/key", "provider", 204, {"api_key": planted.PROVIDER_KEY}),
    Route("GET", HISTORY + "?sessionId={id}", "session", 200),
    Route("DELETE", HISTORY + "?sessionId={id}", "session", 200),
    Route("POST", HISTORY, "model", 404, {"model": "custom:{id}", "message": "hi"}),
    Route("POST", CHAT, "model", 404, {"model": "custom:{id}", "messages": _HI}),
    Route("POST", "/v1/completions", "model", 404, {"model": "custom:{id}", "prompt": "hi"}),
    Route("POST", "/v1/messages", "model", 404, {"model": "custom:{id}", "messages": _HI, "max_tokens": 9}),
    Route("POST", "/v1/messages/count_tokens", "model", 404, {"model": "custom:{id}", "messages": _HI}),
    Route("POST", RESPONSES, "model", 404, {"model": "custom:{id}", "input": "hi"}),
    Route("POST", RESPONSES, "response", 400, {"model": "custom:mine", "input": "hi", "previous_response_id": "{id}"}),
    Route("GET", RESPONSES + "/{response_id}", "response", 404),
    Route("GET", RESPONSES + "/{response_id}/input_items", "response", 404),
    Route("DELETE", RESPONSES + "/{response_id}", "response", 404),
    Route("GET", RESPONSES + "/{response_id}", "later_response", 404),
    Route("GET", RESPONSES + "/{response_id}?stream=true", "later_response", 404),
    Route("POST", RESPONSES + "/{response_id}/cancel", "later_response", 404),
    Route("DELETE", RESPONSES + "/{response_id}", "later_response", 404),
    Route("POST", INFERENCES, "model", 404, {"model": "custom:{id}", "messages": _HI}),
    Route("GET", FILES + "/{file_id}", "file", 404),
    Route("GET", FILES + "/{file_id}/content", "file", 404),
    Route("DELETE", FILES + "/{file_id}", "file", 404),
    Route("GET", FILES + "?after={id}", "file", 200),
    Route("POST", BATCHES, "file", 404, {"input_file_id": "{id}", "endpoint": CHAT, "completion_window": "24h"}),
    Route("GET", BATCHES + "/{batch_id}", "batch", 404),
    Route("POST", BATCHES + "/{batch_id}/cancel", "batch", 404),
    Route("GET", SESSIONS + "/{session}", "capped", 404),
    Route("DELETE", SESSIONS + "/{session}", "capped", 404),
    Route("DELETE", REPLY_KEYS + "/{key_id}", "reply_key", 404),
    Route("PUT", SHADOW, "model", 404, {"model": "custom:{id}", "share": 0.1}),
    Route("GET", WEBHOOKS + "/{webhook_id}", "webhook", 404),
    Route("PATCH", WEBHOOKS + "/{webhook_id}", "webhook", 404, {"name": "mine now", "enabled": False}),
    Route("DELETE", WEBHOOKS + "/{webhook_id}", "webhook", 404),
    Route("POST", WEBHOOKS + "/{webhook_id}/rotate-secret", "webhook", 404),
    Route("POST", WEBHOOKS + "/{webhook_id}/test", "webhook", 404),
    Route("GET", WEBHOOKS + "/{webhook_id}/deliveries", "webhook", 404),
    Route("GET", WEBHOOKS + "/{webhook_id}/deliveries/{delivery_id}", "delivery", 404),
    Route("POST", WEBHOOKS + "/{webhook_id}/deliveries/{delivery_id}/redeliver", "delivery", 404),
    Route("POST", "/v1/embeddings", "model", 404, {"model": "custom:{id}", "input": "hi"}),
    Route("POST", "/v1/rerank", "model", 404, {"model": "custom:{id}", "query": "hi", "documents": ["a"]}),
    Route("POST", "/v2/rerank", "model", 404, {"model": "custom:{id}", "query": "hi", "documents": ["a"]}),
    Route("POST", "/api/models/select", "model", 200, {"model": "custom:{id}", "messages": _HI}),
    Route(
        "POST",
        GENERATE,
        "model",
        404,
        {"model": "custom:{id}", "featureRequest": "hi", "files": [{"path": "a.py", "content": ""}]},
    ),
    Route("GET", MONITORING + "?model=custom:{id}", "model", 200),
    Route("GET", HEALTH + "?model=custom:{id}", "model", 200),
    Route("GET", "/api/changes?tenant={id}", "tenant", 200),
    Route("GET", "/api/keys?tenant={id}", "tenant", 403),
]

MONITOR_ROUTES = [one for one in ROUTES if one.method == "GET" and one.path.startswith((INFERENCES, MONITORING))]

# Routes that change something and are told no id of what is there already.
MAKING = {
    ("POST", MODELS), ("POST", "/api/models/setup"), ("POST", "/api/models/probe"), ("POST", "/api/keys"),
    ("POST", FILES), ("POST", WEBHOOKS), ("POST", SESSIONS), ("POST", REPLY_KEYS), ("DELETE", SHADOW),
}  # fmt: skip
OPERATING = {("POST", "/api/dead-letters/replay")}  # of all tenants, for who runs the deployment


class Told(NamedTuple):
    """All that a caller gets to see, byte for byte, without what differs between any two requests."""

    status: int
    headers: list[tuple[str, str]]
    text: str


@dataclass(frozen=True)
class World:
    """A stranger, and the owner of the things; `nobodys` are of the same form and not there."""

    stack: Live
    stranger: Api
    owner: Api
    theirs: Things
    nobodys: Things


@pytest.fixture(scope="module")
def stack(configured_stack: Live) -> Live:
    return replace(configured_stack, planting=True)


@pytest_asyncio.fixture(scope="module")
async def world(stack: Live) -> AsyncIterator[World]:
    stranger, owner = await stack.new_tenant(), await stack.new_tenant()
    model, session, plan = (f"{kind}-{secrets.token_hex(4)}" for kind in ("model", "session", "plan"))
    tenant = await tenant_id(owner)
    await stranger.add_model("mine", stack.model_server_url)
    await owner.add_model(model, stack.model_server_url)
    answer = await owner.chat(f"custom:{model}")
    await owner.post(HISTORY, {"sessionId": session, "message": planted.PROMPT, "model": f"custom:{model}"})
    await owner.call("PUT", f"/api/providers/{HOUSE}/key", {"api_key": planted.PROVIDER_KEY})
    await stack.admin.call("PUT", f"/api/plans/{plan}", {"usd_per_day": 7})
    await stack.admin.call("PATCH", f"/api/tenants/{tenant}", {"plan": plan, "tokens_per_day": 1_000_000})
    inference = answer.headers["x-tallygate-inference-id"]
    await owner.settled(inference)
    feature = await feature_job(stack, tenant)
    asked = {"model": f"custom:{model}", "input": planted.PROMPT}
    response = (await owner.post(RESPONSES, asked)).body["id"]
    later_response = (await owner.post(RESPONSES, asked | {"background": True})).body["id"]
    later = (await owner.post(INFERENCES, asked | {"operation": "responses"})).body["inference_id"]
    for one in (later, later_response.removeprefix("resp_")):
        await owner.settled(str(uuid.UUID(one)))
    file = await owner.add_file(planted.PROMPT.encode())
    of_batch = {"input_file_id": file, "endpoint": CHAT, "completion_window": "24h"}
    batch = (await owner.post(BATCHES, of_batch)).body["id"]
    await owner.post(SESSIONS, {"session": session, "calls": 1000})
    await owner.post(REPLY_KEYS, {"id": session, "public_key": b64encode(bytes(range(32))).decode()})
    async with receiver() as here:
        webhook, delivery = await a_delivery(owner, here.url)
        theirs = Things(
            model, inference, feature, session, key_id(owner), tenant, plan, HOUSE, response, later, later_response,
            webhook, f"{webhook}{DELIVERIES}{delivery}", file, batch, session, session,
        )  # fmt: skip
        yield World(stack, stranger, owner, theirs, Things(*map(unknown, theirs))._replace(provider=BRING))


async def a_delivery(api: Api, url: str) -> tuple[str, str]:
    """One that has been taken, with its webhook."""
    webhook = str((await api.post(WEBHOOKS, {"url": url, "events": ["feature.settled"]})).body["id"])
    delivery = str((await api.post(f"{WEBHOOKS}/{webhook}/test", {})).body["id"])

    async def state() -> str:
        return str((await api.get(f"{WEBHOOKS}/{webhook}/deliveries/{delivery}")).body["state"])

    await until(state, "delivered")
    return webhook, delivery


async def feature_job(stack: Live, tenant: str) -> str:
    """One that no worker has begun."""
    job = FeatureRequested(feature_id=new_id(), tenant_id=tenant, sealed_input="x")
    async with asyncpg.create_pool(stack.environment["DATABASE_URL"], min_size=1, max_size=1) as pool:
        await FeatureStore(pool, Reads(pool, ReadSettings())).accept(job)
    return str(job.feature_id)


def unknown(known: str) -> str:
    """An id of the same form, which nobody has; a delivery has a webhook that nobody has either."""
    return DELIVERIES.join(one[:-8] + secrets.token_hex(4) for one in known.split(DELIVERIES))


def key_id(api: Api) -> str:
    assert api.key is not None
    return api.key.split("_")[1]


async def tenant_id(api: Api) -> str:
    return str((await api.get("/api/tenants")).body["tenants"][0]["tenant"])


async def told(live: Live, api: Api, route: Route, thing: str) -> Told:
    path = re.sub(rf"\{{\w+\}}({DELIVERIES}\{{\w+\}})?", thing, route.path)
    body = None if route.body is None else json.dumps(route.body).replace("{id}", thing)
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {api.key}"} if api.key else {})
    async with live.session.request(route.method, api.url + path, data=body, headers=headers) as response:
        seen = sorted(
            (name.lower(), value) for name, value in response.headers.items() if not name.lower().startswith(_DIFFER)
        )
        text = (await response.read()).decode()
    return Told(response.status, [(name, alike(value, thing)) for name, value in seen], alike(text, thing))


def alike(text: str, thing: str) -> str:
    for part in (thing, *thing.split(DELIVERIES)):
        text = text.replace(part, "<id>")
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(\+00:00|Z)", "<date>", text)
    text = re.sub(r'("request_id":)"[^"]+"', r"\1<id>", text)
    return re.sub(r'("lag_s":)[\d.]+', r"\1<seconds>", text)


async def all_that_is_theirs(world: World) -> list[str]:
    """As its owner sees it."""
    theirs, get = world.theirs, world.owner.get
    paths = [
        f"{MODELS}/{theirs.model}", f"{INFERENCES}/{theirs.inference}", f"{HISTORY}?sessionId={theirs.session}",
        f"{FEATURES}/{theirs.feature}", f"{RESPONSES}/{theirs.response}", f"{RESPONSES}/{theirs.later_response}",
        f"{INFERENCES}/{theirs.background}", f"{WEBHOOKS}/{theirs.webhook}", f"{WEBHOOKS}/{theirs.delivery}",
        f"{FILES}/{theirs.file}/content", f"{SESSIONS}/{theirs.capped}", REPLY_KEYS, SHADOW,
        "/api/providers", "/api/changes", "/v1/models",
    ]  # fmt: skip
    seen = [(await get(path)).text for path in paths]
    tenant = (await get(f"/api/tenants/{theirs.tenant}")).body
    return [*seen, str({name: value for name, value in tenant.items() if name != "spent"})]


async def stranger(world: World) -> Api:
    return world.stranger


async def narrow_key(world: World) -> Api:
    tenant = await tenant_id(world.stranger)
    made = await world.stack.admin.post("/api/keys", {"tenant": tenant, "scopes": ["inference"]})
    return world.stack.api(made.body["key"])


async def no_key(world: World) -> Api:
    return world.stack.api(None)


async def forged_key(world: World) -> Api:
    """With the id of the owner's."""
    return world.stack.api(f"tg_{key_id(world.owner)}_{'x' * 43}")


Caller = Callable[[World], Awaitable[Api]]
CALLERS: list[Caller] = [stranger, narrow_key, no_key, forged_key]


async def gateway_routes(world: World) -> set[tuple[str, str]]:
    document = (await world.stranger.get("/openapi.json")).body
    return {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}


async def test_every_route_that_is_told_an_id_is_tested_here(world: World) -> None:
    routes = await gateway_routes(world)
    tested = {(one.method, one.path.partition("?")[0]) for one in ROUTES}

    assert {one for one in routes if "{" in one[1]} == {one for one in tested if "{" in one[1]}
    assert {one for one in routes if one[0] != "GET"} - tested == MAKING | OPERATING
    asked_for_ids = {route.path for route in make_routes() if "{" in route.path}
    assert asked_for_ids <= {one.path for one in MONITOR_ROUTES}


@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize("route", ROUTES, ids=_name)
async def test_what_is_anothers_is_answered_like_what_is_not_there(world: World, route: Route, who: Caller) -> None:
    before, api = await all_that_is_theirs(world), await who(world)

    theirs = await told(world.stack, api, route, getattr(world.theirs, route.kind))
    nobodys = await told(world.stack, api, route, getattr(world.nobodys, route.kind))

    assert theirs == nobodys
    assert who is not stranger or theirs.status == route.status
    assert await all_that_is_theirs(world) == before


@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize("route", MONITOR_ROUTES, ids=_name)
async def test_the_monitor_answers_no_better(world: World, route: Route, who: Caller) -> None:
    api = Api(world.stack.session, world.stack.monitor_url, (await who(world)).key)

    theirs = await told(world.stack, api, route, getattr(world.theirs, route.kind))
    nobodys = await told(world.stack, api, route, getattr(world.nobodys, route.kind))

    assert theirs == nobodys
    assert who is not stranger or theirs.status == route.status


@pytest.mark.parametrize("who", CALLERS)
async def test_no_list_holds_anything_of_anothers(world: World, who: Caller) -> None:
    api = await who(world)
    monitor = Api(world.stack.session, world.stack.monitor_url, api.key)
    open_to_all = ["/healthz", "/readyz", "/metrics", "/openapi.json"]
    paths = [path for method, path in await gateway_routes(world) if method == "GET" and "{" not in path]
    paths.remove(FEED)  # it does not end
    shown = [await api.get(path) for path in [*paths, *open_to_all]]
    shown += [await monitor.get(path) for path in (MONITORING, "/healthz", "/readyz", "/metrics", "/no-such-path")]

    words = [word for one in world.theirs if one != world.theirs.provider for word in one.split(DELIVERIES)]
    assert [(word, one) for one in shown for word in words if word in str(one)] == []
    assert who is not stranger or sum(one.status == 200 for one in shown) > 10


async def test_a_feed_tells_nothing_of_anothers(world: World) -> None:
    headers = {"authorization": f"Bearer {world.stranger.key}"}
    told = ""
    async with asyncio.timeout(60), world.stack.session.get(world.stranger.url + FEED, headers=headers) as feed:
        theirs = await world.owner.chat(f"{HOUSE}:demo", no_fallback=True)
        mine = await world.stranger.chat(f"{HOUSE}:demo", no_fallback=True)
        async for line in feed.content:
            told += line.decode()
            if mine.headers["x-tallygate-inference-id"] in told:
                break

    assert theirs.headers["x-tallygate-inference-id"] not in told


async def test_an_answer_does_not_show_what_a_key_of_anothers_does(world: World) -> None:
    """Not even that there is one: the provider's name is everybody's, who has a key of it is not."""
    newcomer = await world.stack.new_tenant()
    assert [one["key"] for one in (await newcomer.get("/api/providers")).body["providers"]] == ["deployment", "none"]

    await newcomer.call("PUT", f"/api/providers/{HOUSE}/key", {"api_key": "sk-invalid"})
    refused = await newcomer.chat(f"{HOUSE}:demo", no_fallback=True)

    assert refused.body["error"]["code"] == "authentication_failed"
    assert (await world.owner.chat(f"{HOUSE}:demo", no_fallback=True)).status == 200
    assert (await world.stranger.chat(f"{HOUSE}:demo", no_fallback=True)).status == 200


async def test_two_tenants_may_give_a_model_the_same_name(world: World) -> None:
    mine, theirs = await world.stack.new_tenant(), await world.stack.new_tenant()
    url = world.stack.model_server_url
    assert await mine.add_model("twin", url, "demo") == await theirs.add_model("twin", url, "demo-tokens-3")
    told_them = (await theirs.get(f"{MODELS}/twin")).body

    assert (await mine.chat("custom:twin")).body["choices"] != (await theirs.chat("custom:twin")).body["choices"]
    await mine.call("PATCH", f"{MODELS}/twin", {"is_active": False, "description": "mine", "api_key": None})
    await mine.call("DELETE", f"{MODELS}/twin")

    assert (await mine.chat("custom:twin")).status == 404
    assert (await theirs.chat("custom:twin")).status == 200
    assert (await theirs.get(f"{MODELS}/twin")).body == told_them


async def test_an_idempotency_key_that_another_has_used_is_as_good_as_new(world: World) -> None:
    mine, theirs = await world.stack.new_tenant(), await world.stack.new_tenant()
    for api in (mine, theirs):
        await api.add_model("twin", world.stack.model_server_url, "demo-delay-300")
    headers = {"idempotency-key": str(uuid.uuid4())}
    await theirs.chat("custom:twin", headers=headers)

    same_body, in_flight = await asyncio.gather(*(api.chat("custom:twin", headers=headers) for api in (mine, theirs)))
    other_body = await (await world.stack.new_tenant()).chat("custom:twin", "something else", headers=headers)

    assert same_body.status == 200
    assert "idempotency-replayed" not in same_body.headers
    assert in_flight.headers["idempotency-replayed"] == "true"
    assert same_body.headers["x-tallygate-inference-id"] != in_flight.headers["x-tallygate-inference-id"]
    assert other_body.status == 404  # it has no such model; 422 would say that the key was used


async def test_a_session_that_another_has_is_as_good_as_new(world: World) -> None:
    mine = await world.stack.new_tenant()
    await mine.add_model("mine", world.stack.model_server_url)
    path = f"{HISTORY}?sessionId={world.theirs.session}"
    before = await all_that_is_theirs(world)

    await mine.post(HISTORY, {"sessionId": world.theirs.session, "message": "mine", "model": "custom:mine"})

    assert [one["content"] for one in (await mine.get(path)).body["messages"]] == ["mine", "echo: mine"]
    assert (await mine.call("DELETE", path)).body["deleted"] == 2
    assert await all_that_is_theirs(world) == before


async def test_failures_of_another_pause_nothing_here_and_are_not_counted(world: World) -> None:
    mine, theirs = await world.stack.new_tenant(), await world.stack.new_tenant()
    await mine.add_model("twin", world.stack.model_server_url)
    await theirs.add_model("twin", world.stack.model_server_url, "fault-not-json")
    seen = [await mine.get(path) for path in ("/api/models/list", "/api/tenants", "/v1/models")]

    for _ in range(21):
        refused = await theirs.chat("custom:twin", no_fallback=True)
    await until(lambda: health_of(theirs, "custom:twin"), "unhealthy")

    assert refused.body["error"]["code"] == "circuit_open"
    assert [(await mine.get(path)).body for path in ("/api/models/list", "/api/tenants", "/v1/models")] == [
        one.body for one in seen
    ]
    assert (await mine.chat("custom:twin", no_fallback=True)).status == 200
    summary = await mine.monitoring(total=1)
    assert (summary["requests"]["total"], summary["attempts"]["failed"], summary["errors"]) == (1, 0, [])


async def test_deadlines_of_another_pause_no_provider(world: World) -> None:
    """Whoever cannot wait says nothing of the endpoint that everybody shares."""
    theirs = await world.stack.new_tenant()
    late = 0
    while late <= 20:  # so many failures in a row of the endpoint itself would pause it
        late += sum(await asyncio.gather(*(too_late(theirs) for _ in range(15))))

    assert (await world.stranger.chat(f"{HOUSE}:demo-delay-2000", no_fallback=True)).status == 200


async def test_another_that_sends_too_much_slows_nobody_else_down(world: World) -> None:
    mine, theirs = await world.stack.new_tenant(), await world.stack.new_tenant()
    for api in (mine, theirs):
        await api.add_model("twin", world.stack.model_server_url)
    terms = {"rate_per_s": 1, "burst": 1, "usd_per_day": 1}
    await world.stack.admin.call("PATCH", f"/api/tenants/{await tenant_id(theirs)}", terms)

    refused = await asyncio.gather(*(theirs.chat("custom:twin") for _ in range(6)))
    answered = await asyncio.gather(*(mine.chat("custom:twin") for _ in range(6)))

    assert 429 in {one.status for one in refused}
    assert {one.status for one in answered} == {200}


@pytest.mark.parametrize(
    "route", [one for one in ROUTES if one[:2] in {("GET", MODELS + "/{model_id}"), ("POST", CHAT)} or
              one[:2] == ("GET", INFERENCES + "/{inference_id}")], ids=_name
)  # fmt: skip
async def test_what_is_anothers_takes_no_longer_than_what_is_not_there(world: World, route: Route) -> None:
    for _ in range(_TRIES):  # other programs of this machine take their time too
        theirs, nobodys = await seconds(world, route)
        apart = abs(median(theirs) - median(nobodys))
        if apart < min(_ALIKE_S, _ALIKE_SHARE * median(nobodys)):
            return
    pytest.fail(f"medians of {median(theirs) * 1000:.2f} and {median(nobodys) * 1000:.2f} ms")


async def test_and_nothing_of_it_all_lies_in_the_clear(stack: Live) -> None:
    assert await planted.leaks(stack) == []


async def too_late(api: Api) -> int:
    """The calls that were made for a request that cannot wait for their answer."""
    answer = await api.chat(f"{HOUSE}:demo-delay-2000", deadline_s=0.5, no_fallback=True)
    assert answer.status == 504, answer
    return len(answer.body["error"]["attempts"])


async def seconds(world: World, route: Route) -> tuple[list[float], list[float]]:
    """In turns, so that what disturbs one disturbs the other."""
    known = getattr(world.theirs, route.kind)
    theirs: list[float] = []
    nobodys: list[float] = []
    for _ in range(_PAIRS):
        for thing, times in ((known, theirs), (unknown(known), nobodys)):
            began = time.perf_counter()
            await told(world.stack, world.stranger, route, thing)
            times.append(time.perf_counter() - began)
    return theirs, nobodys


async def health_of(api: Api, model: str) -> str:
    listed = (await api.get("/api/models/list")).body["models"]
    return str(next(one["health"]["status"] for one in listed if one["id"] == model))


async def until(ask: Callable[[], Awaitable[str]], wanted: str) -> None:
    async with asyncio.timeout(_WAIT_S):
        while await ask() != wanted:  # noqa: ASYNC110 - polled like a caller would
            await asyncio.sleep(0.1)
