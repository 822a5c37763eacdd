"""One request through gateway, Kafka, router, model and books."""

import asyncio
from uuid import UUID

import pytest

from tests.support.live import Api, Live


async def test_a_chat_is_answered_and_booked(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("good", stack.model_server_url, api_key="sk-good-1234567890")

    answer = await tenant.chat(model, "hello there")

    assert answer.status == 200
    assert answer.body["choices"][0]["message"]["content"] == "echo: hello there"
    assert answer.headers["x-tallygate-model"] == model
    assert answer.headers["x-tallygate-attempts"] == "1"
    timeline = await tenant.settled(answer.headers["x-tallygate-inference-id"])
    assert timeline["state"] == "completed"
    assert timeline["model_served"] == model
    assert [one["outcome"] for one in timeline["attempts"]] == ["succeeded"]
    assert timeline["candidates"] == [{"model": model, "reason": "named by the request", "chosen": True}]
    assert UUID(timeline["inference_id"]).version == 7


async def test_an_anthropic_endpoint_answers_in_the_openai_format(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("claude", stack.model_server_url, provider="anthropic-compatible")

    answer = await tenant.chat(model, "bonjour", max_tokens=20)

    assert answer.status == 200
    assert answer.body["object"] == "chat.completion"
    assert answer.body["choices"][0]["message"]["content"] == "echo: bonjour"
    assert answer.body["usage"]["total_tokens"] > 0


@pytest.mark.parametrize(
    ("behaviour", "status", "error_type", "attempts"),
    [
        ("fault-401", 424, "authentication_failed", 1),
        ("fault-403", 424, "permission_denied", 1),
        ("fault-404", 424, "endpoint_not_found", 1),
        ("fault-404-model", 424, "model_not_found", 1),
        ("fault-400", 400, "invalid_request", 1),
        ("fault-400-context", 400, "context_length_exceeded", 1),
        ("fault-400-filter", 400, "content_filtered", 1),
        ("fault-429-quota", 424, "quota_exceeded", 1),
        ("fault-429-60", 429, "rate_limited", 1),
        ("fault-500", 502, "server_error", 3),
        ("fault-503", 503, "overloaded", 3),
        ("fault-529", 503, "overloaded", 3),
        ("fault-redirect", 424, "endpoint_not_found", 1),
        ("fault-reset", 502, "stream_broken", 3),
        ("fault-half-body", 502, "stream_broken", 3),
        ("fault-broken-stream", 502, "stream_broken", 3),
        ("fault-not-json", 502, "bad_response", 1),
        ("fault-no-choices", 502, "bad_response", 1),
        ("fault-empty", 502, "bad_response", 1),
        ("fault-huge-8", 502, "bad_response", 1),
        ("fault-hang", 504, "read_timeout", 1),
        ("fault-slow-headers-3000", 504, "read_timeout", 1),
        ("fault-slow-body-3000", 504, "read_timeout", 1),
    ],
)
async def test_every_fault_of_an_endpoint_is_typed_and_counted_once(
    stack: Live, tenant: Api, behaviour: str, status: int, error_type: str, attempts: int
) -> None:
    model = await tenant.add_model("broken", stack.model_server_url, behaviour, timeout_s=0.7)

    answer = await tenant.chat(model)

    assert answer.status == status
    error = answer.body["error"]
    assert error["code"] == error_type
    assert error["tips"]
    assert [one["error_type"] for one in error["attempts"]] == [error_type] * attempts
    assert stack.model_server.address in error["message"]
    monitoring = await tenant.monitoring(total=1)
    assert monitoring["requests"]["failed"] == monitoring["requests"]["total"] == 1
    assert monitoring["requests"]["by_error_type"] == {error_type: 1}
    assert monitoring["attempts"]["by_error_type"] == {error_type: attempts}
    assert len(monitoring["errors"]) == attempts
    timeline = await tenant.settled(error["inference_id"])
    seen = await stack.model_server.calls_of({one["attempt_id"] for one in timeline["attempts"]})
    assert seen.total() == attempts


@pytest.mark.parametrize(
    ("endpoint", "status", "error_type", "attempts"),
    [
        ("http://127.0.0.1:9/v1", 502, "endpoint_unreachable", 3),
        ("http://no-such-host.invalid/v1", 502, "endpoint_unreachable", 3),
        ("https://{address}/v1", 424, "tls_failed", 1),
    ],
)
async def test_what_the_network_does_wrong_is_typed(
    stack: Live, tenant: Api, endpoint: str, status: int, error_type: str, attempts: int
) -> None:
    model = await tenant.add_model("nowhere", endpoint.format(address=stack.model_server.address))

    answer = await tenant.chat(model)

    assert answer.status == status
    assert answer.body["error"]["code"] == error_type
    assert len(answer.body["error"]["attempts"]) == attempts


async def test_a_retry_on_the_same_model_can_succeed(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("flaky", stack.model_server_url, "flaky-2")

    answer = await tenant.chat(model, f"flaky for {tenant.key}")

    assert answer.status == 200
    timeline = await tenant.settled(answer.headers["x-tallygate-inference-id"])
    assert [one["outcome"] for one in timeline["attempts"]] == ["failed", "failed", "succeeded"]
    assert [one["attempt_number"] for one in timeline["attempts"]] == [1, 2, 3]


async def test_auto_falls_back_to_the_next_model_and_says_so(stack: Live, tenant: Api) -> None:
    await tenant.add_model("first", stack.model_server_url, "fault-401")
    second = await tenant.add_model("second", stack.model_server_url)

    answer = await tenant.chat(None)

    assert answer.status == 200
    assert answer.headers["x-tallygate-model"] == second
    monitoring = await tenant.monitoring(total=1)
    assert monitoring["requests"]["succeeded"] == monitoring["requests"]["fallbacks"] == 1
    assert (monitoring["attempts"]["failed"], monitoring["attempts"]["succeeded"]) == (1, 1)
    assert monitoring["requests"]["by_model"] == {second: {"total": 1, "succeeded": 1, "failed": 0, "rejected": 0}}


async def test_a_model_that_cannot_be_asked_for_it_leaves_the_request_to_the_next(stack: Live, tenant: Api) -> None:
    await tenant.add_model("claude", stack.model_server_url, provider="anthropic-compatible")
    good = await tenant.add_model("good", stack.model_server_url)

    answer = await tenant.chat(None, seed=1)

    assert (answer.status, answer.headers["x-tallygate-model"]) == (200, good)
    timeline = await tenant.settled(answer.headers["x-tallygate-inference-id"])
    refused, served = timeline["attempts"]
    assert (refused["error"]["error_type"], served["outcome"]) == ("invalid_request", "succeeded")
    assert (await stack.model_server.calls_of({refused["attempt_id"], served["attempt_id"]})).total() == 1


async def test_a_request_that_names_a_model_does_not_silently_use_another(stack: Live, tenant: Api) -> None:
    named = await tenant.add_model("named", stack.model_server_url, "fault-401")
    await tenant.add_model("other", stack.model_server_url)

    answer = await tenant.chat(named)

    assert answer.status == 424
    assert answer.body["error"]["code"] == "authentication_failed"


async def test_the_deadline_of_the_request_ends_the_call(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("slow", stack.model_server_url, "fault-hang")

    answer = await tenant.chat(model, headers={"x-tallygate-deadline-s": "0.6"})

    assert answer.status == 504
    assert answer.body["error"]["code"] == "expired"
    timeline = await tenant.settled(answer.body["error"]["inference_id"])
    assert timeline["state"] == "expired"


async def test_the_models_own_settings_and_headers_reach_the_endpoint(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model(
        "words", stack.model_server_url, "demo-tokens-5", price={"input_per_mtok_usd": 1.0, "output_per_mtok_usd": 2.0}
    )

    answer = await tenant.chat(model, "one two three")

    usage = answer.body["usage"]
    timeline = await tenant.settled(answer.headers["x-tallygate-inference-id"])
    expected = (usage["prompt_tokens"] * 1.0 + usage["completion_tokens"] * 2.0) / 1_000_000
    assert timeline["attempts"][0]["cost_usd"] == pytest.approx(expected)


async def test_a_model_that_was_just_changed_is_used_as_changed(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("changing", stack.model_server_url, "demo", api_key="sk-invalid-before")
    for _ in range(5):
        assert (await tenant.chat(model)).status == 424
        changed = await tenant.call("PATCH", f"/api/models/custom/{model}", {"api_key": "sk-good-after"})
        assert changed.status == 200
        assert (await tenant.chat(model)).status == 200
        await tenant.call("PATCH", f"/api/models/custom/{model}", {"api_key": "sk-invalid-again"})


async def test_tenants_do_not_see_each_other(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("mine", stack.model_server_url)
    inference_id = (await tenant.chat(model)).headers["x-tallygate-inference-id"]
    await tenant.settled(inference_id)
    stranger = await stack.new_tenant()

    assert (await stranger.chat(model)).status == 404
    assert (await stranger.get(f"/api/models/custom/{model}")).status == 404
    assert (await stranger.get(f"/api/inferences/{inference_id}")).status == 404
    assert (await stranger.get("/v1/models")).body["data"] == []
    assert (await stranger.monitoring(total=0))["requests"]["total"] == 0


async def test_a_model_is_tested_by_a_real_completion(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("tested", stack.model_server_url, is_active=False)

    answer = await tenant.post(f"/api/models/custom/{model}/test", {})

    assert answer.status == 200
    assert answer.body["ok"] is True
    assert answer.body["answer"].startswith("echo:")
    assert (await tenant.chat(model)).status == 404


async def test_a_call_that_the_deadline_cuts_is_expired_every_time(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("slow", stack.model_server_url, "demo-delay-2000")
    deadlines = [0.2, 0.31, 0.5] * 20
    answers = await asyncio.gather(*(tenant.chat(model, deadline_s=one, no_fallback=True) for one in deadlines))
    assert {answer.body["error"]["code"] for answer in answers} == {"expired"}
