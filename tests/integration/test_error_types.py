"""Every error type of the catalogue is really caused by some test, and says the same to the caller and in the books."""

import ast
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest

from shared.client import Answer
from shared.crypto import seal
from shared.crypto.keys import KeyRing
from shared.errors import CATALOGUE, ErrorType
from shared.registry.secrets import custom_headers_context
from tests.support.live import Api, Live

HERE = Path(__file__).parent


class Cause(NamedTuple):
    """A model that fails in this way: its behaviour at the model server, or where else it is."""

    behaviour: str = "demo"
    endpoint: str = "{server}"
    timeout_s: float = 5.0


CAUSED_BY_ENDPOINTS: dict[ErrorType, Cause] = {
    "authentication_failed": Cause("fault-401"),
    "permission_denied": Cause("fault-403"),
    "model_not_found": Cause("fault-404-model"),
    "endpoint_not_found": Cause("fault-404"),
    "endpoint_refused": Cause("fault-418"),
    "endpoint_unreachable": Cause(endpoint="http://127.0.0.1:9/v1"),
    "tls_failed": Cause(endpoint="https://{address}/v1"),
    "read_timeout": Cause("fault-hang", timeout_s=0.5),
    "rate_limited": Cause("fault-429-60"),  # more patience than a request has, so it is not tried again
    "quota_exceeded": Cause("fault-429-quota"),
    "context_length_exceeded": Cause("fault-400-context"),
    "content_filtered": Cause("fault-400-filter"),
    "invalid_request": Cause("fault-400"),
    "server_error": Cause("fault-500"),
    "overloaded": Cause("fault-529"),
    "bad_response": Cause("fault-not-json"),
    "stream_broken": Cause("fault-half-body"),
}
# These take more than an endpoint that answers badly. Each has a test of its own below.
CAUSED_BELOW: dict[ErrorType, str] = {
    "connect_timeout": "test_an_endpoint_that_accepts_no_connection",
    "key_unreadable": "test_a_secret_that_no_key_opens",
    "internal": "test_a_defect_in_a_call_is_settled_like_every_other_failure",
}
CAUSED_ELSEWHERE: dict[ErrorType, str] = {
    "provider_not_allowed": "configured/test_providers_and_plans.py::test_a_plan_denies_provider_models",
    "endpoint_forbidden": "test_endpoint_guard.py::test_an_endpoint_that_is_not_allowed_is_not_saved",
    "no_model_available": "test_bad_input.py::test_a_tenant_without_models_is_told_how_to_add_one",
    "model_at_capacity": "test_breaker.py::test_who_finds_a_model_at_its_limit_waits_and_the_rest_goes_on",
    "circuit_open": "test_breaker.py::test_a_model_that_keeps_failing_is_paused_and_the_others_do_not_notice",
    "expired": "test_main_path.py::test_the_deadline_of_the_request_ends_the_call",
    "cancelled": "test_cancellation.py::test_a_call_in_flight_is_cancelled",
    "router_lost": "test_recovery.py::test_a_router_killed_in_the_middle_of_calls_loses_none",
    "handed_back": "test_recovery.py::test_a_router_that_is_stopped_hands_back_what_it_cannot_finish",
    "payload_too_large": "test_bad_input.py::test_a_body_over_the_limit_is_refused",
    "too_many_requests": "test_admission.py::test_a_tenant_has_its_rate",
    "unavailable": "test_admission.py::test_an_old_queue_is_not_made_longer",
    "generator_unavailable": "test_features.py::test_a_generator_that_no_worker_has_is_refused_at_once",
    "generation_invalid": "test_features.py::test_what_does_not_pass_its_checks_is_told_with_what_is_wrong",
}


async def assert_told_and_booked(tenant: Api, answer: Answer, error_type: ErrorType, model: str) -> dict[str, Any]:
    """The caller and the books hear the same: type, title, what to do, and the status of the catalogue."""
    kind = CATALOGUE[error_type]
    error: dict[str, Any] = answer.body["error"]
    assert (error["code"], answer.status) == (error_type, kind.http_status), answer
    assert error["message"].startswith(f"{kind.title}: ")
    assert error["tips"]
    assert not any("{" in tip or "<model_id>" in tip for tip in error["tips"])
    assert answer.headers["x-should-retry"] == ("true" if kind.retryable else "false")
    timeline = await tenant.settled(error["inference_id"])
    assert timeline["error"]["error_type"] == error_type
    booked = timeline["attempts"][-1]
    assert (booked["model"], booked["outcome"]) == (model, "failed")
    assert booked["error"]["error_type"] == error_type
    assert booked["error"]["title"] == kind.title
    assert booked["error"]["tips"] == error["tips"]
    return error


@pytest.mark.parametrize("error_type", CAUSED_BY_ENDPOINTS)
async def test_what_an_endpoint_causes(stack: Live, tenant: Api, error_type: ErrorType) -> None:
    cause = CAUSED_BY_ENDPOINTS[error_type]
    server = stack.model_server
    endpoint = cause.endpoint.format(server=server.url, address=server.address)
    model = await tenant.add_model("broken", endpoint, cause.behaviour, timeout_s=cause.timeout_s)

    answer = await tenant.chat(model)

    error = await assert_told_and_booked(tenant, answer, error_type, model)
    assert {one["error_type"] for one in error["attempts"]} == {error_type}


@contextmanager
def deaf_endpoint() -> Iterator[str]:
    """It listens, and has no place left for whoever wants to connect."""
    with socket.socket() as listener, socket.socket() as taking_the_place, socket.socket() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        taking_the_place.connect(listener.getsockname())
        waiting.settimeout(0.3)
        with pytest.raises(TimeoutError):
            waiting.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


async def test_an_endpoint_that_accepts_no_connection(stack: Live, tenant: Api) -> None:
    with deaf_endpoint() as endpoint:
        model = await tenant.add_model("deaf", endpoint, timeout_s=30)

        answer = await tenant.chat(model)

    await assert_told_and_booked(tenant, answer, "connect_timeout", model)


_TENANT = "SELECT tenant_id FROM gateway.api_keys WHERE key_id = $1"
_DAMAGE = "UPDATE gateway.custom_models SET sealed_headers = $1 WHERE tenant_id = $2 AND model_id = 'damaged'"


async def damaged_model(stack: Live, tenant: Api, ring: KeyRing, headers: bytes) -> str:
    """A model whose sealed headers were changed behind the gateway's back; returns its id."""
    assert tenant.key is not None
    model = await tenant.add_model("damaged", stack.model_server_url)
    connection: Any = await asyncpg.connect(stack.environment["DATABASE_URL"])
    try:
        tenant_id = await connection.fetchval(_TENANT, tenant.key.split("_")[1])
        sealed = seal(ring, custom_headers_context(tenant_id, "damaged"), headers)
        assert await connection.execute(_DAMAGE, sealed, tenant_id) == "UPDATE 1"
    finally:
        await connection.close()
    changed = await tenant.call("PATCH", "/api/models/custom/damaged", {"description": "so that it is read again"})
    assert changed.status == 200, changed
    return model


async def test_a_secret_that_no_key_opens(stack: Live, tenant: Api) -> None:
    model = await damaged_model(stack, tenant, KeyRing.parse("lost:" + "A" * 43 + "="), b"{}")

    answer = await tenant.chat(model)

    error = await assert_told_and_booked(tenant, answer, "key_unreadable", model)
    assert "lost" in error["message"]
    assert "PATCH /api/models/custom/damaged with api_key" in error["tips"][1]


async def test_a_defect_in_a_call_is_settled_like_every_other_failure(stack: Live, tenant: Api) -> None:
    """What the gateway sealed is always JSON. When it is not, the router meets what nobody foresaw."""
    ring = KeyRing.parse(stack.environment["TALLYGATE_KEYS"])
    model = await damaged_model(stack, tenant, ring, b"not JSON")

    answer = await tenant.chat(model)

    error = await assert_told_and_booked(tenant, answer, "internal", model)
    assert "not JSON" not in error["message"]
    good = await tenant.add_model("good", stack.model_server_url)
    assert (await tenant.chat(good)).status == 200


async def test_what_cannot_be_said_to_an_anthropic_endpoint_is_the_callers_to_correct(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("claude", stack.model_server_url, provider="anthropic-compatible")
    image = {"type": "image_url", "image_url": "https://host/cat.png"}

    answer = await tenant.post(
        "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": [image]}]}
    )

    error = await assert_told_and_booked(tenant, answer, "invalid_request", model)
    assert "messages[0].content[0].image_url must be an object" in error["message"]
    timeline = await tenant.settled(error["inference_id"])
    seen = await stack.model_server.calls_of({one["attempt_id"] for one in timeline["attempts"]})
    assert not seen


def functions_of(source: str) -> dict[str, str]:
    """The text of each function, by its name."""
    found = [one for one in ast.parse(source).body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {one.name: ast.get_source_segment(source, one) or "" for one in found}


@pytest.mark.parametrize("error_type", CAUSED_ELSEWHERE)
def test_what_is_caused_elsewhere_still_is(error_type: ErrorType) -> None:
    file, _, function = CAUSED_ELSEWHERE[error_type].partition("::")
    assert f'"{error_type}"' in functions_of((HERE / file).read_text())[function]


@pytest.mark.parametrize("error_type", CAUSED_BELOW)
def test_what_is_caused_below_has_its_test(error_type: ErrorType) -> None:
    assert CAUSED_BELOW[error_type] in globals()


def test_every_type_of_the_catalogue_is_caused_once() -> None:
    caused = [*CAUSED_BY_ENDPOINTS, *CAUSED_BELOW, *CAUSED_ELSEWHERE]
    assert sorted(caused) == sorted(CATALOGUE)
