"""Endpoints that tenants give lead to public addresses and to what the operator allowed: here, loopback only."""

import pytest

from tests.support.live import Api, Live

MODELS = "/api/models/custom"
NO_SECRETS = {"api_key": None, "headers": None}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://10.255.255.1/v1", "10.255.255.1 may not be called: it is a private address"),
        ("http://169.254.169.254/v1", "cloud metadata address"),
        ("http://[::ffff:169.254.169.254]/v1", "cloud metadata address"),
        ("http://[fd00:ec2::254]/v1", "cloud metadata address"),
        ("http://100.64.0.1/v1", "carrier's NAT"),
        ("http://[64:ff9b::7f00:1]/v1", "NAT64"),
        ("http://0.0.0.0:8000/v1", "unspecified address"),
        ("http://8.8.8.8:25/v1", "port 25 is not allowed"),
    ],
)
async def test_an_endpoint_that_is_not_allowed_is_not_saved(stack: Live, tenant: Api, url: str, why: str) -> None:
    answer = await tenant.post(MODELS, {"model_id": "m", "endpoint_url": url, "provider": "openai-compatible"})

    assert answer.status == 400, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body["error_type"] == "endpoint_forbidden"
    assert why in answer.body["detail"]
    assert any("TALLYGATE_ALLOWED_NETWORKS" in tip for tip in answer.body["tips"])
    assert (await tenant.get(MODELS)).body["total"] == 0


@pytest.mark.parametrize(
    "host", ["2130706433", "127.1", "0x7f.1", "0177.0.0.1", "localhost.", "\uff11\uff12\uff17.0.0.1"]
)
async def test_an_address_in_disguise_is_not_saved(stack: Live, tenant: Api, host: str) -> None:
    body = {"model_id": "m", "endpoint_url": f"http://{host}:8000/v1", "provider": "openai-compatible"}

    answer = await tenant.post(MODELS, body)

    assert answer.status == 400, answer
    assert answer.body["error_type"] == "invalid_request"
    assert "endpoint_url" in answer.body["detail"]


async def test_an_endpoint_cannot_be_changed_to_one_that_is_not_allowed(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("moving", stack.model_server_url)

    answer = await tenant.call("PATCH", f"{MODELS}/{model}", {"endpoint_url": "http://10.255.255.1/v1"} | NO_SECRETS)

    assert answer.status == 400, answer
    assert answer.body["error_type"] == "endpoint_forbidden"
    assert (await tenant.chat(model)).status == 200


async def test_an_allowed_network_is_saved_and_called_by_address_and_by_name(stack: Live, tenant: Api) -> None:
    by_address = await tenant.add_model("address", stack.model_server_url)
    by_name = await tenant.add_model("name", stack.model_server_url.replace("127.0.0.1", "localhost"))

    assert (await tenant.chat(by_address)).status == 200
    assert (await tenant.chat(by_name)).status == 200
