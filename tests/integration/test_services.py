"""What services tell of themselves."""

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
