"""A tenant in which much has happened: models that work and models that do not, requests, a feature job, changes."""

import asyncio
import secrets
from dataclasses import dataclass

from shared.client.requests import KEYS, WEBHOOKS
from shared.events.topics import REQUESTS
from tests.integration.test_dead_letters import publish, server_of
from tests.support.features import edit, ended, plan, scripted, wished, written
from tests.support.live import Api, Live

TENANT, PLAN = "observatory", "gold"
# In a name, an error and a description: markup, and what steers a terminal or turns the direction of a text.
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>\x1b[31m\u202eevil'

_APP = 'from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get("/")\ndef index():\n    return "hello"\n'
_NEW = f'''{
    edit(
        '    return "hello"',
        """    return "hello"


@app.get("/healthz")
def healthz():
    return {"status": "ok"}""",
    )
}'''


@dataclass(frozen=True)
class World:
    """api: with a key that may everything. job: a feature job that is completed. inference: one that fell back.
    response: one of which the content is kept. webhook: one that takes what it is sent; beside it is one that does not.
    """

    api: Api
    job: str
    inference: str
    response: str
    webhook: str


async def made(live: Live, receiver_url: str) -> World:
    """receiver_url: of one that takes whatever it is sent."""
    made_key = await live.admin.post(
        KEYS, {"tenant": TENANT, "scopes": ["inference", "models", "monitor", "admin"], "name": "night shift"}
    )
    assert made_key.status == 201, made_key
    api = live.api(made_key.body["key"])
    hooks = [
        {"url": receiver_url, "name": "pager", "events": ["inference.failed", "model.health", "budget.reached"]},
        {"url": f"{live.model_server_url}/nowhere", "name": HOSTILE, "events": ["inference.failed"]},
    ]
    webhook, _ = [(await api.post(WEBHOOKS, hook)).body["id"] for hook in hooks]
    price = {"input_per_mtok_usd": 0.5, "output_per_mtok_usd": 1.5}
    url = live.model_server_url
    await api.add_model(
        "north-8b", url, "demo-delay-120", price=price, context_window=131_072, description="On the hill"
    )
    await api.add_model("south-70b", url, "demo-delay-700", price=price | {"output_per_mtok_usd": 6}, weight=2)
    await api.add_model("broken", url, "fault-500", description=HOSTILE)
    await api.add_model("vectors", url, "demo-vectors-only", capabilities={"tasks": ["embeddings"]}, is_active=False)
    answers = await asyncio.gather(
        *(api.chat("custom:north-8b", f"How far is star {number}?", headers=_of("survey")) for number in range(12)),
        *(api.chat("custom:south-70b", f"How old is star {number}?", headers=_of("tour:42")) for number in range(3)),
        *(api.chat("custom:broken", f"{HOSTILE} {number}") for number in range(6)),
    )
    await api.post("/v1/embeddings", {"model": "custom:vectors", "input": "x"})
    job = await _job(live, api)
    await _terms(live)
    await _dead_letters(live)
    fell_back = answers[-1].headers["x-tallygate-inference-id"]
    await api.settled(fell_back)
    response = await api.post("/v1/responses", {"model": "custom:north-8b", "input": "How far is the next star?"})
    return World(api, job, fell_back, response.headers["x-tallygate-inference-id"], webhook)


def _of(session: str) -> dict[str, str]:
    return {"x-tallygate-session": session, "traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"}


async def _dead_letters(live: Live) -> None:
    reasons = ("not a InferenceRequested: inference_id: Field required", f"ce_type {HOSTILE} is not an event of ...")
    for reason in reasons:
        headers = [("dlq_error_type", b"invalid_request"), ("dlq_reason", reason.encode()), ("dlq_partition", b"3"),
                   ("dlq_offset", b"17")]  # fmt: skip
        await publish(server_of(live), REQUESTS.dlq, (b"{}", headers))


async def _job(live: Live, api: Api) -> str:
    script = await scripted(live, api, plan(("app.py", "edit")), written({"app.py": _NEW}))
    files = [{"path": "app.py", "content": _APP}]
    job = await wished(api, files=files, featureRequest="Add a health endpoint", model=script.model)
    await ended(api, job)
    return job


async def _terms(live: Live) -> None:
    plan_terms = {"usd_per_day": 20, "tokens_per_day": 5_000_000, "policy": "cheapest"}
    answer = await live.admin.call("PUT", f"/api/plans/{PLAN}", plan_terms)
    assert answer.status == 200, answer
    answer = await live.admin.call("PATCH", f"/api/tenants/{TENANT}", {"plan": PLAN, "max_in_flight": 40})
    assert answer.status == 200, answer
