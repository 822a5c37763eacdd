"""Services as processes: what they tell of themselves, and that a restart finishes what was begun."""

import asyncio
import signal

from tests.support.live import Api, Live


async def test_openapi_names_every_path_and_the_key(stack: Live) -> None:
    document = (await stack.api(None).get("/openapi.json")).body

    assert {"/v1/chat/completions", "/v1/models", "/api/models/custom", "/api/codebase/chat"} <= set(document["paths"])
    assert document["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer"


async def test_every_service_tells_health_readiness_and_metrics(stack: Live) -> None:
    router_url = f"http://127.0.0.1:{stack.environment['TALLYGATE_ROUTER_PORT']}"
    for url in (stack.gateway_url, stack.monitor_url, router_url):
        api = Api(stack.session, url, None)
        assert (await api.get("/healthz")).body == {"status": "alive"}
        assert (await api.get("/readyz")).body["status"] == "ready"
        assert "tallygate_" in (await api.get("/metrics")).text


async def test_a_router_that_is_told_to_stop_finishes_its_call_and_comes_back(stack: Live, tenant: Api) -> None:
    slow = await tenant.add_model("slow", stack.model_server_url, "demo-delay-1500")
    waiting = asyncio.create_task(tenant.chat(slow))
    await asyncio.sleep(0.5)  # the call is in flight

    stack.stack.signal_program("router", signal.SIGTERM)

    answer = await waiting
    assert answer.status == 200
    timeline = await tenant.settled(answer.headers["x-tallygate-inference-id"])
    assert [one["outcome"] for one in timeline["attempts"]] == ["succeeded"]
    await asyncio.to_thread(stack.stack.wait_ready, "router")
    assert (await tenant.chat(slow)).status == 200
