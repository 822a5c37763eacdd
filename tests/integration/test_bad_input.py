"""Whatever a caller sends gets a 4xx with type, detail and tip, and nothing is published."""

import json
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.client import Answer
from shared.events.topics import REQUESTS
from tests.support.live import Api, Live

CHAT = "/v1/chat/completions"
MODELS = "/api/models/custom"
_MESSAGE = {"role": "user", "content": "hi"}


def error_of(answer: Answer) -> dict[str, Any]:
    """The error members, which are the same in both shapes."""
    body: dict[str, Any] = answer.body
    found: dict[str, Any] = body.get("error", body)
    return found


async def requests_published(stack: Live) -> int:
    consumer = AIOKafkaConsumer(REQUESTS.name, bootstrap_servers=stack.environment["KAFKA_BOOTSTRAP_SERVERS"])
    await consumer.start()
    try:
        partitions = [TopicPartition(REQUESTS.name, one) for one in consumer.partitions_for_topic(REQUESTS.name)]
        return sum((await consumer.end_offsets(partitions)).values())
    finally:
        await consumer.stop()


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'"text"', None),
        (b"\xff\xfe\x00", None),
        (b"{}", "messages"),
        (b'{"messages": []}', "messages"),
        (b'{"messages": "hi"}', "messages"),
        (b'{"messages": [{}]}', "messages[0].role"),
        (b'{"messages": [{"role": "wizard", "content": "x"}]}', "messages[0].role"),
        (b'{"messages": [{"role": "user", "content": 5}]}', "messages[0].content"),
        (b'{"messages": [{"role": "user", "content": "hi"}], "temperature": NaN}', None),
        (b'{"messages": [{"role": "user", "content": "hi"}], "temperature": Infinity}', None),
        (b'{"messages": [{"role": "user", "content": "hi"}], "temperature": 1e999}', None),
        (b'{"messages": [{"role": "user", "content": "hi"}], "temperature": "hot"}', "temperature"),
        (b'{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 0}', "max_tokens"),
        (b'{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1.5}', "max_tokens"),
        (b'{"messages": [{"role": "user", "content": "\\ud800"}]}', None),
        (b'{"messages": [{"role": "user", "content": "hi"}], "model": 5}', "model"),
        (b'{"messages": [{"role": "user", "content": "hi"}], "deadline_s": -1}', "deadline_s"),
        (b'{"messages":' + b"[" * 3000 + b"]" * 3000 + b"}", None),
    ],
)
async def test_a_bad_chat_body_is_refused_and_not_published(
    stack: Live, tenant: Api, raw: bytes, param: str | None
) -> None:
    await tenant.add_model("good", stack.model_server_url)
    before = await requests_published(stack)

    answer = await tenant.call("POST", CHAT, raw=raw)

    error = error_of(answer)
    assert answer.status == 400, answer
    assert error["code"] == "invalid_request"
    assert error["message"]
    assert error["tips"]
    assert error["param"] == param
    assert await requests_published(stack) == before


async def test_an_unknown_field_on_v1_passes_through(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("good", stack.model_server_url)

    answer = await tenant.chat(model, brand_new_field={"x": [1, 2]}, reasoning_effort="low")

    assert answer.status == 200


async def test_an_unknown_model_is_not_found_and_the_known_ones_are_named(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("good", stack.model_server_url)
    before = await requests_published(stack)

    answer = await tenant.chat("custom:nobody")

    assert answer.status == 404
    assert answer.body["error"]["code"] == "model_not_found"
    assert model in " ".join(answer.body["error"]["tips"])
    assert await requests_published(stack) == before


async def test_a_tenant_without_models_is_told_how_to_add_one(tenant: Api) -> None:
    answer = await tenant.chat(None)

    assert answer.status == 404
    assert answer.body["error"]["code"] == "no_model_available"
    assert "tallygate models add" in " ".join(answer.body["error"]["tips"])


async def test_a_body_over_the_limit_is_refused(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("good", stack.model_server_url)

    answer = await tenant.chat(model, "x" * 3_600_000)

    assert answer.status == 413
    assert answer.body["error"]["code"] == "payload_too_large"


async def test_a_body_just_below_the_limit_goes_all_the_way(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("tokens", stack.model_server_url, "demo-tokens-3")

    assert (await tenant.chat(model, "x" * 3_490_000)).status == 200


@pytest.mark.parametrize("key", [None, "", "nonsense", "tg_00000000_" + "a" * 43, "sk-somebody-elses-key"])
async def test_a_bad_or_missing_key_is_a_401_that_does_not_repeat_it(stack: Live, key: str | None) -> None:
    for path in (CHAT, "/api/models/list", "/api/inferences/x", "/api/models/custom/monitoring", "/api/keys"):
        answer = await stack.api(key).call("POST" if path == CHAT else "GET", path)
        assert answer.status == 401
        assert error_of(answer)["code"] == "authentication_failed"
        assert error_of(answer)["tips"]
        assert not key or key not in json.dumps(answer.body)


async def test_a_revoked_key_is_refused_at_once(stack: Live, tenant: Api) -> None:
    assert (await tenant.get("/v1/models")).status == 200
    assert tenant.key is not None

    assert (await stack.admin.call("DELETE", f"/api/keys/{tenant.key.split('_')[1]}")).status == 204

    assert (await tenant.get("/v1/models")).status == 401


async def test_a_key_without_the_scope_is_a_403(stack: Live, tenant: Api) -> None:
    answer = await tenant.get("/api/keys")

    assert answer.status == 403
    assert answer.body["code"] == "permission_denied"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model_id": "has space"}, "model_id"),
        ({"model_id": "monitoring"}, "model_id"),
        ({"model_id": "x" * 101}, "model_id"),
        ({"model_id": None}, "model_id"),
        ({"endpoint_url": "ftp://host/v1"}, "endpoint_url"),
        ({"endpoint_url": "not a url"}, "endpoint_url"),
        ({"endpoint_url": "http://"}, "endpoint_url"),
        ({"endpoint_url": "http://user:pw@host/v1"}, "endpoint_url"),
        ({"endpoint_url": "http://host:99999/v1"}, "endpoint_url"),
        ({"endpoint_url": "http://[::1/v1"}, "endpoint_url"),
        ({"provider": "telepathy"}, "provider"),
        ({"unknown_field": 1}, "unknown_field"),
        ({"context_window": -1}, "context_window"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"price": {"input_per_mtok_usd": -1, "output_per_mtok_usd": 0}}, "price.input_per_mtok_usd"),
        ({"description": "nul \x00 byte"}, "description"),
        ({"headers": {"bad header": "x"}}, "headers.bad header"),
        ({"headers": {"x": "line\nbreak"}}, "headers.x"),
        ({"config": {"model": 5}}, "config"),
    ],
)
async def test_a_bad_model_is_refused(stack: Live, tenant: Api, change: dict[str, Any], param: str) -> None:
    body = {"model_id": "m", "endpoint_url": stack.model_server_url, "provider": "openai-compatible"} | change

    answer = await tenant.post(MODELS, body)

    assert answer.status == 400, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body["error_type"] == "invalid_request"
    assert answer.body["param"] == param
    assert (await tenant.get(MODELS)).body["total"] == 0


async def test_the_same_model_id_twice_is_a_conflict(stack: Live, tenant: Api) -> None:
    await tenant.add_model("twice", stack.model_server_url)

    answer = await tenant.post(
        MODELS, {"model_id": "twice", "endpoint_url": stack.model_server_url, "provider": "openai-compatible"}
    )

    assert answer.status == 409


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/nowhere", 404),
        ("DELETE", CHAT, 405),
        ("GET", "/api/inferences/not-a-uuid", 404),
        ("GET", "/api/inferences/00000000-0000-7000-8000-000000000000", 404),
        ("GET", "/api/models/custom/monitoring?window=forever", 400),
        ("GET", "/api/models/custom/monitoring?window=99999d", 400),
        ("GET", "/api/models/custom/none", 404),
        ("PATCH", "/api/models/custom/none", 404),
        ("DELETE", "/api/models/custom/none", 404),
        ("GET", "/api/models/custom/%00", 400),
        ("GET", "/api/codebase/chat", 400),
        ("GET", "/api/codebase/chat?sessionId=a%00b", 400),
        ("POST", "/api/codebase/chat", 400),
    ],
)
async def test_wrong_paths_and_parameters_are_typed(tenant: Api, method: str, path: str, status: int) -> None:
    answer = await tenant.call(method, path, {} if method in {"PATCH", "POST"} else None)

    assert answer.status == status, answer
    assert error_of(answer)["code"]
    assert error_of(answer)["message"]


async def test_a_message_that_cannot_be_read_goes_to_the_dead_letters(stack: Live) -> None:
    from aiokafka import AIOKafkaProducer

    server = stack.environment["KAFKA_BOOTSTRAP_SERVERS"]
    producer = AIOKafkaProducer(bootstrap_servers=server)
    await producer.start()
    consumer = AIOKafkaConsumer(REQUESTS.dlq, bootstrap_servers=server, auto_offset_reset="earliest")
    await consumer.start()
    try:
        await producer.send_and_wait(REQUESTS.name, b"not an event", b"some-key", headers=[("mine", b"kept")])
        while True:
            letter = await consumer.getone()
            if letter.key == b"some-key":
                break
    finally:
        await producer.stop()
        await consumer.stop()

    headers = dict(letter.headers)
    assert letter.value == b"not an event"
    assert headers["mine"] == b"kept"
    assert headers["dlq_topic"] == REQUESTS.name.encode()
    assert b"InferenceRequested" in headers["dlq_reason"]
    assert b"not an event" not in headers["dlq_reason"]
