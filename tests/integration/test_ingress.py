"""Upstream services with stock clients: what they publish is taken and answered, and no more of it is believed."""

import asyncio
import base64
import json
import os
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, get_args

import pytest
import pytest_asyncio
import uuid_utils.compat
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from deploy.local.kafka.jars import jars_folder
from shared.events.upstream import UpstreamOperation, UpstreamReplyCompleted, UpstreamReplyFailed
from tests.support.live import Api, Live
from tests.support.operations import REQUESTS, STREAMED, path_of, said

EXAMPLES = Path(__file__).parents[2] / "examples" / "upstream"
OWN, SHARED = "upstream.requests", "shared.requests"  # of the tenant `upstream`, and of whom the records say
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_WITHIN_S = 60.0

Record = dict[str, Any]


@pytest_asyncio.fixture
async def upstream(stack: Live) -> Api:
    """The tenant to whom the topic OWN belongs, with a model of its own for this test."""
    made = await stack.admin.post("/api/keys", {"tenant": "upstream", "scopes": ["inference", "models", "monitor"]})
    return stack.api(made.body["key"])


@pytest_asyncio.fixture
async def model(stack: Live, upstream: Api) -> str:
    return await upstream.add_model(f"m-{uuid.uuid4().hex[:8]}", stack.model_server_url)


class Upstream:
    """One service: publishes, and reads its own reply topic."""

    def __init__(self, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer, topic: str) -> None:
        self._producer, self._consumer = producer, consumer
        self.reply_topic = topic
        self._heard: dict[str, list[Record]] = {}

    async def publish(self, topic: str, body: object, headers: list[tuple[str, bytes]] | None = None) -> None:
        value = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self._producer.send_and_wait(topic, value, headers=headers or [])

    async def reply(self, inference_id: str) -> Record:
        """The first to it, with its ce_type as `kind`."""
        async with asyncio.timeout(_WITHIN_S):
            while inference_id not in self._heard:
                record = await self._consumer.getone()
                body, headers = json.loads(record.value), {name: value.decode() for name, value in record.headers}
                assert {record.key.decode(), headers["ce_subject"]} == {body["inference_id"]}
                assert headers["ce_id"] == body["event_id"]
                told = body | {"kind": headers["ce_type"].removeprefix("tallygate.")}
                self._heard.setdefault(body["inference_id"], []).append(told)
        return self._heard[inference_id][0]

    def replies(self, inference_id: str) -> int:
        """How many have come until now."""
        return len(self._heard.get(inference_id, ()))


@asynccontextmanager
async def service(stack: Live) -> AsyncIterator[Upstream]:
    servers, topic = stack.environment["KAFKA_BOOTSTRAP_SERVERS"], f"replies.{uuid.uuid4().hex[:12]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=servers, max_request_size=5_000_000)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest")
    await producer.start()
    await consumer.start()
    try:
        yield Upstream(producer, consumer, topic)
    finally:
        await consumer.stop()
        await producer.stop()


@pytest_asyncio.fixture
async def here(stack: Live) -> AsyncIterator[Upstream]:
    async with service(stack) as made:
        yield made


def request(here: Upstream, model: str | None, **more: Any) -> Record:
    return {
        "inference_id": str(uuid_utils.compat.uuid7()),
        "input": {"messages": [{"role": "user", "content": "from upstream"}]},
        "request_model": model,
        "reply_topic": here.reply_topic,
    } | more


async def run(stack: Live, *command: str, **more: str) -> tuple[int, list[Record]]:
    """Exit status, and the lines of JSON that it printed."""
    environment = {"PATH": os.environ["PATH"], "KAFKA_BOOTSTRAP_SERVERS": stack.environment["KAFKA_BOOTSTRAP_SERVERS"]}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment | more, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 150)
    assert process.returncode is not None
    assert out or process.returncode == 0, err.decode()
    return process.returncode, [json.loads(line) for line in out.splitlines()]


# The examples


async def test_the_example_in_python_is_answered_in_clear_and_sealed(
    stack: Live, upstream: Api, model: str, tmp_path: Path
) -> None:
    key_id, private = f"k-{uuid.uuid4().hex[:8]}", tmp_path / "private.key"
    public = (await stack.command("reply-keys", "new", str(private), "--json")).stdout
    assert upstream.key is not None
    await stack.command("reply-keys", "add", key_id, json.loads(public)["public_key"], "--key", upstream.key)
    base = (sys.executable, str(EXAMPLES / "upstream.py"), "--topic", OWN, "--replies", "replies.python",
            "--model", model)  # fmt: skip

    in_clear = await run(stack, *base, "one", "two")
    sealed = await run(stack, *base, "--key-id", key_id, "--key", str(private), "three")

    assert [in_clear[0], sealed[0]] == [0, 0]
    assert [bool(line["answer"]) for line in (*in_clear[1], *sealed[1])] == [True] * 3
    timeline = await upstream.settled(sealed[1][0]["inference_id"])
    assert (timeline["state"], timeline["model_served"]) == ("completed", model)


@pytest.mark.skipif(shutil.which("javac") is None, reason="there is no JDK")
async def test_the_example_in_java_publishes_a_batch(stack: Live, upstream: Api, model: str) -> None:
    jars = jars_folder(Path.home() / ".cache" / "tallygate", Path("none"))
    if not jars.is_dir():
        pytest.skip("there are no jars of Kafka's own client here")
    source = str(EXAMPLES / "java" / "Upstream.java")
    status, lines = await run(stack, "java", "-cp", f"{jars}/*", source, OWN, "replies.java", model, "one", "two")
    assert (status, len(lines)) == (0, 2)
    for line in lines:
        assert (await upstream.settled(line["inference_id"]))["state"] == "completed"


# Authority


async def test_a_request_that_claims_another_tenant_is_refused_a_dead_letter_and_on_record(
    stack: Live, upstream: Api, here: Upstream, tenant: Api
) -> None:
    victim = f"victim-{uuid.uuid4().hex[:8]}"
    forged = request(here, None, tenant_id=victim)

    await here.publish(OWN, forged)

    reply = await here.reply(forged["inference_id"])
    assert (reply["kind"], reply["error"]["error_type"]) == ("reply.failed.v1", "permission_denied")
    letters = (await stack.admin.get(f"/api/dead-letters?topic={OWN}&limit=100")).body["topics"][0]["entries"]
    assert any(victim in letter["reason"] and letter["error_type"] == "permission_denied" for letter in letters)
    changes = (await stack.admin.get("/api/changes?tenant=upstream")).body["changes"]
    assert {"claimed_tenant": victim} in [each["details"] for each in changes if each["action"] == "ingress.refused"]
    assert (await tenant.get(f"/api/inferences/{forged['inference_id']}")).status == 404


async def test_a_topic_that_is_believed_takes_requests_of_those_it_names(stack: Live, here: Upstream) -> None:
    tenant = await stack.new_tenant()
    model = await tenant.add_model("good", stack.model_server_url)
    name = (await tenant.get("/api/caller")).body["tenant"]
    asked, nobodys = request(here, model, tenant_id=name), request(here, model)

    await here.publish(SHARED, nobodys)
    await here.publish(SHARED, asked)

    reply = await here.reply(asked["inference_id"])
    assert (reply["kind"], reply["tenant_id"], reply["model_served"]) == ("reply.completed.v1", name, model)
    assert (await tenant.settled(asked["inference_id"]))["state"] == "completed"


@pytest.mark.parametrize("topic", ["inference.requests.v1", "upstream.requests", "elsewhere"])
async def test_no_answer_goes_to_a_topic_without_the_prefix(
    stack: Live, upstream: Api, here: Upstream, model: str, topic: str
) -> None:
    await here.publish(OWN, request(here, model, reply_topic=topic))
    await here.publish(OWN, after := request(here, model))
    assert (await here.reply(after["inference_id"]))["kind"] == "reply.completed.v1"
    letters = (await stack.admin.get(f"/api/dead-letters?topic={OWN}&limit=100")).body["topics"][0]["entries"]
    assert any("reply_topic: its name must begin with 'replies.'" in letter["reason"] for letter in letters)


# Whatever can be asked

_BOOKED_AS = {"embeddings": "embeddings", "rerank": "rerank"}  # everything else is a chat


async def test_each_operation_is_answered_once_as_http_answers_it(
    stack: Live, upstream: Api, here: Upstream, model: str
) -> None:
    """Alone, and as part of a batch, in which one part is bad and the model of another fails."""
    waited = {name: (await upstream.post(path_of(name), REQUESTS[name] | {"model": model})).body for name in REQUESTS}
    failing = await upstream.add_model(f"f-{uuid.uuid4().hex[:8]}", stack.model_server_url, "fault-401")
    kinds = [{"operation_name": name} for name in get_args(UpstreamOperation)]
    kinds.append({"operation_name": "chat", "form": "anthropic"})
    alone = [_asked(here, model, kind) for kind in kinds]
    parts = [_asked(here, model, kind, stream=kind["operation_name"] in STREAMED) for kind in kinds]
    bad = request(here, model, operation_name="embeddings", input={"input": []})
    broken = _asked(here, failing, {"operation_name": "rerank"})
    for part in (*parts, bad, broken):
        del part["reply_topic"]

    for each in alone:
        await here.publish(OWN, each)
    await here.publish(OWN, {"reply_topic": here.reply_topic, "requests": [bad, *parts, broken]})

    for each in (*alone, *parts):
        reply, operation = await here.reply(each["inference_id"]), _operation(each)
        assert reply["kind"] == "reply.completed.v1", reply
        assert reply.keys() == {*UpstreamReplyCompleted.model_fields, "kind"}
        assert (reply["tenant_id"], reply["model_served"], reply["attempts"]) == ("upstream", model, 1)
        assert said(reply["body"]) == said(waited[operation])
        timeline = await upstream.settled(each["inference_id"])
        assert (timeline["operation"], len(timeline["attempts"])) == (_BOOKED_AS.get(operation, "chat"), 1)
    refused, failed = await here.reply(bad["inference_id"]), await here.reply(broken["inference_id"])
    assert refused.keys() == failed.keys() == {*UpstreamReplyFailed.model_fields, "kind"}
    assert [(told["kind"], told["settlement"], told["error"]["error_type"]) for told in (refused, failed)] == [
        ("reply.failed.v1", "rejected", "invalid_request"), ("reply.failed.v1", "failed", "authentication_failed"),
    ]  # fmt: skip
    assert [call["model"] for call in failed["failed_attempts"]] == [failing]

    response = (await here.reply(alone[kinds.index({"operation_name": "responses"})]["inference_id"]))["body"]
    assert (await upstream.get(f"/v1/responses/{response['id']}")).body == response
    goes_on = {"input": "and?", "previous_response_id": response["id"]}
    await here.publish(OWN, after := request(here, model, operation_name="responses", input=goes_on))
    assert (await here.reply(after["inference_id"]))["body"]["previous_response_id"] == response["id"]
    assert {here.replies(each["inference_id"]) for each in (*alone, *parts, bad, broken, after)} == {1}


def _operation(kind: Record) -> str:
    return "messages" if kind.get("form") == "anthropic" else str(kind["operation_name"])


def _asked(here: Upstream, model: str, kind: Record, *, stream: bool = False) -> Record:
    body = REQUESTS[_operation(kind)]
    return request(here, model, **kind, input=body | {"stream": True} if stream else body)


# Once


async def test_a_request_that_is_published_twice_is_one_inference_with_one_call(
    stack: Live, upstream: Api, here: Upstream, model: str
) -> None:
    body = request(here, model)
    await here.publish(OWN, body)
    await here.publish(OWN, body)
    await here.reply(body["inference_id"])
    await here.publish(OWN, body)
    await here.publish(OWN, other := body | {"input": {"messages": [{"role": "user", "content": "another"}]}})
    await here.publish(OWN, after := request(here, model))
    await here.reply(after["inference_id"])

    timeline = await upstream.settled(body["inference_id"])
    assert len(timeline["attempts"]) == 1
    letters = (await stack.admin.get(f"/api/dead-letters?topic={OWN}&limit=100")).body["topics"][0]["entries"]
    assert any("published before with another request" in letter["reason"] for letter in letters), other


async def test_the_answer_of_what_names_no_reply_topic_is_stored(
    stack: Live, upstream: Api, here: Upstream, model: str
) -> None:
    body = request(here, model)
    del body["reply_topic"]
    await here.publish(OWN, body)
    timeline = await upstream.settled(body["inference_id"])
    assert timeline["result"]["choices"][0]["message"]["content"]


async def test_the_answer_is_sealed_for_the_key_that_the_request_names(
    stack: Live, upstream: Api, here: Upstream, model: str
) -> None:
    private, key_id = X25519PrivateKey.generate(), f"k-{uuid.uuid4().hex[:8]}"
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    assert (await upstream.post("/api/reply-keys", {"id": key_id, "public_key": public})).status == 201
    body = request(here, model, reply_key_id=key_id)

    await here.publish(OWN, body)

    reply = await here.reply(body["inference_id"])
    assert reply["body"] is None
    info = f"tallygate/reply/upstream/{body['inference_id']}".encode()
    answer = json.loads(_SUITE.decrypt(base64.b64decode(reply["sealed_body"]), private, info))
    assert answer["choices"][0]["message"]["content"]


async def test_what_waits_in_the_topic_is_sealed_at_rest_once_it_is_taken(
    stack: Live, upstream: Api, here: Upstream, model: str
) -> None:
    secret = f"secret-{uuid.uuid4().hex}"
    body = request(here, model, input={"messages": [{"role": "user", "content": secret}]})
    servers = stack.environment["KAFKA_BOOTSTRAP_SERVERS"]
    inner = AIOKafkaConsumer("inference.requests.v1", bootstrap_servers=servers)
    await inner.start()
    try:
        for partition in inner.assignment():
            await inner.position(partition)  # the end, from now on
        await here.publish(OWN, body)
        async with asyncio.timeout(_WITHIN_S):
            while (found := json.loads((await inner.getone()).value))["inference_id"] != body["inference_id"]:
                pass
    finally:
        await inner.stop()
    assert found["sealed_input"]
    assert secret not in json.dumps(found)
    assert (found["api_key_id"], found["reply_to"]) == (f"kafka:{OWN}", None)


# Whatever else is sent


def _deep(levels: int) -> bytes:
    return b'{"input":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"


_POISON: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "no json": lambda: b"\xff\xfe not json",
    "a list": lambda: b"[]",
    "deep": lambda: _deep(5000),
    "deep for a writer": lambda: _deep(300),
    "large": lambda: b'{"input":"' + b"x" * 4_000_000 + b'"}',
    "wrong types": lambda: b'{"input": 7, "inference_id": 7, "tags": 7, "deadline_at": "soon", "reply_topic": {}}',
    "nul": lambda: b'{"input": {}, "tenant_id": "a\\u0000b", "request_model": "\\u0000", "session": "\\u0000"}',
    "surrogate": lambda: b'{"input": {"messages": "\\ud800"}}',
    "no clock": lambda: b'{"input": {"messages": []}, "accepted_at": "9999-12-31T23:59:59Z"}',
    "empty batch": lambda: b'{"requests": []}',
    "batch of nothing": lambda: b'{"requests": [1, null, "x"]}',
}


async def test_nothing_that_is_sent_stops_a_service_or_what_comes_after_it(
    stack: Live, upstream: Api, here: Upstream, model: str
) -> None:
    before = stack.stack.pid("gateway")
    for made in _POISON.values():
        await here.publish(OWN, made())
    await here.publish(OWN, request(here, model), [("ce_type", b"tallygate.inference.requested.v9")])
    await here.publish(OWN, request(here, model), [("ce_type", b"\xff\x00"), ("traceparent", b"\x00\xff")])
    bad = request(here, model, input={"messages": []})
    late = request(here, model, accepted_at="2001-01-01T00:00:00Z")
    unknown = request(here, "custom:nobody")
    good = request(here, model)
    await here.publish(OWN, {"reply_topic": here.reply_topic, "requests": [bad, late, unknown, good]})

    errors = {
        name: (await here.reply(each["inference_id"]))["error"]["error_type"]
        for name, each in {"bad": bad, "late": late, "unknown": unknown}.items()
    }
    assert errors == {"bad": "invalid_request", "late": "expired", "unknown": "model_not_found"}
    assert (await here.reply(good["inference_id"]))["kind"] == "reply.completed.v1"
    assert stack.stack.pid("gateway") == before
    letters = (await stack.admin.get(f"/api/dead-letters?topic={OWN}&limit=100")).body["topics"][0]["entries"]
    assert len(letters) >= len(_POISON) + 3
