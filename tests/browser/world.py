"""A tenant in which much has happened: models that work and models that do not, requests, a feature job, changes."""

import asyncio
import secrets
from dataclasses import dataclass

from shared.client.requests import BACKGROUND, BATCHES, KEYS, SHADOW, WEBHOOKS, chat_body
from shared.events.topics import REQUESTS
from tests.integration.test_dead_letters import publish, server_of
from tests.support.batches import as_file, batch_line, batch_settled, uploaded
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
    response: one of which the content is kept. batch: one that is completed, with lines that failed. webhook: one that
    takes what it is sent; beside it is one that does not.
    """

    api: Api
    job: str
    inference: str
    response: str
    batch: str
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
    await _on_trial(api, "custom:south-70b")
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
    await api.post(BACKGROUND, {"operation": "chat", **chat_body("custom:north-8b", "How many stars are there?")})
    batch = await _batch(live, api)
    return World(api, job, fell_back, response.headers["x-tallygate-inference-id"], batch, webhook)


def _of(session: str) -> dict[str, str]:
    return {"x-tallygate-session": session, "traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"}


async def _dead_letters(live: Live) -> None:
    reasons = ("not a InferenceRequested: inference_id: Field required", f"ce_type {HOSTILE} is not an event of ...")
    for reason in reasons:
        headers = [("dlq_error_type", b"invalid_request"), ("dlq_reason", reason.encode()), ("dlq_partition", b"3"),
                   ("dlq_offset", b"17")]  # fmt: skip
        await publish(server_of(live), REQUESTS.dlq, (b"{}", headers))


async def _on_trial(api: Api, model: str) -> None:
    answer = await api.call("PUT", SHADOW, {"model": model, "share": 1})
    assert answer.status == 200, answer


async def _batch(live: Live, api: Api) -> str:
    """Beside it is one whose file is wrong."""
    url = "/v1/chat/completions"
    models = ["custom:north-8b"] * 10 + ["custom:broken"] * 2
    lines = [batch_line(f"star-{number}", url, chat_body(model, "Name it.")) for number, model in enumerate(models)]
    begun = [await _begun(live, api, as_file(content)) for content in (lines, [*lines[:2], lines[0]])]
    for batch_id in begun:
        await batch_settled(api, batch_id)
    return begun[0]


async def _begun(live: Live, api: Api, content: bytes) -> str:
    asked = {"endpoint": "/v1/chat/completions", "completion_window": "24h", "metadata": {"file": "stars.jsonl"}}
    answer = await api.post(BATCHES, asked | {"input_file_id": await uploaded(api, live.session, content)})
    assert answer.status == 200, answer
    batch_id: str = answer.body["id"]
    return batch_id


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
