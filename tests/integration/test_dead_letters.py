"""What could not be handled is listed, shown and replayed."""

import json
import time
from typing import Any

from aiokafka import AIOKafkaProducer

from shared.events.topics import MAX_DEAD_LETTER_BYTES, MAX_RECORD_BYTES, OUTCOMES, REQUESTS
from tests.integration.test_upstream_events import request, tenant_of
from tests.support.live import Api, Live

Headers = list[tuple[str, bytes]]

_DEAD: Headers = [("dlq_error_type", b"internal"), ("dlq_reason", b"by hand"), ("dlq_partition", b"6")]


async def publish(server: str, topic: str, *messages: tuple[bytes, Headers], partition: int = 0) -> list[str]:
    """Where they lie; of dead letters, these are the ids."""
    async with AIOKafkaProducer(bootstrap_servers=server, max_request_size=MAX_DEAD_LETTER_BYTES) as producer:
        placed = [
            await producer.send_and_wait(topic, body, b"key", partition, headers=headers) for body, headers in messages
        ]
    return [f"{topic}:{one.partition}:{one.offset}" for one in placed]


def server_of(stack: Live) -> str:
    return stack.environment["KAFKA_BOOTSTRAP_SERVERS"]


async def dlq(stack: Live, *arguments: str) -> Any:
    done = await stack.command("dlq", *arguments, "--json")
    return json.loads(done.stdout)


async def listed(stack: Live, **wanted: object) -> dict[str, Any]:
    """The newest dead letter of a request with these values, once it is there."""
    deadline = time.monotonic() + 20
    while True:
        [topic] = (await dlq(stack, "list", "--topic", REQUESTS.name))["topics"]
        for entry in topic["entries"]:
            if wanted.items() <= entry.items():
                return dict(entry)
        assert time.monotonic() < deadline, topic


async def test_an_unreadable_message_is_listed_and_shown_without_its_body(stack: Live) -> None:
    body = b'{"opensesame": 1}'
    [place] = await publish(server_of(stack), REQUESTS.name, (body, [("mine", b"kept")]), partition=5)

    letter = await listed(stack, source_partition=5, source_offset=int(place.split(":")[2]))

    assert letter["error_type"] == "invalid_request"
    assert letter["reason"].startswith("not a InferenceRequested: inference_id: Field required")
    assert (letter["source_topic"], letter["size"]) == (REQUESTS.name, len(body))
    assert (await dlq(stack, "show", letter["id"]))["headers"] == [{"name": "mine", "value": "kept"}]
    for arguments in (("list",), ("list", "--json"), ("show", letter["id"])):
        done = await stack.command("dlq", *arguments)
        assert letter["id"] in done.stdout
        assert "opensesame" not in done.stdout + done.stderr

    shown = await stack.command("dlq", "show", letter["id"], "--body")
    assert body.decode() in shown.stdout
    assert "may hold a caller's content" in shown.stderr


async def test_the_largest_message_has_room_on_the_dead_letters(stack: Live) -> None:
    body = b"x" * (MAX_RECORD_BYTES - 120)  # the rest is the record's own

    [place] = await publish(server_of(stack), REQUESTS.name, (body, []), partition=4)

    letter = await listed(stack, source_partition=4, source_offset=int(place.split(":")[2]))
    assert letter["size"] == len(body)


async def test_a_replayed_request_is_processed(stack: Live, tenant: Api) -> None:
    await tenant.add_model("good", stack.model_server_url)
    body = request(await tenant_of(tenant, stack))
    [letter] = await publish(server_of(stack), REQUESTS.dlq, (json.dumps(body).encode(), _DEAD))

    [replayed] = (await dlq(stack, "replay", letter, "--yes"))["replayed"]

    assert replayed["id"] == letter
    assert (replayed["topic"], replayed["partition"]) == (REQUESTS.name, 6)
    assert (await tenant.settled(body["inference_id"]))["state"] == "completed"


async def test_an_operator_replays_over_http_and_it_is_on_record(stack: Live, tenant: Api) -> None:
    await tenant.add_model("good", stack.model_server_url)
    body = request(await tenant_of(tenant, stack))
    [letter] = await publish(server_of(stack), REQUESTS.dlq, (json.dumps(body).encode(), _DEAD))
    [topic] = (await stack.admin.get(f"/api/dead-letters?topic={REQUESTS.name}&limit=1")).body["topics"]
    assert [entry["id"] for entry in topic["entries"]] == [letter]

    answer = await stack.admin.post("/api/dead-letters/replay", {"ids": [letter]})

    assert answer.status == 200, answer
    [replayed] = answer.body["replayed"]
    assert (replayed["topic"], replayed["partition"]) == (REQUESTS.name, 6)
    assert (await tenant.settled(body["inference_id"]))["state"] == "completed"
    [change] = (await stack.admin.get("/api/changes?limit=1")).body["changes"]
    assert (change["action"], change["details"]) == ("dead_letters.replayed", {"ids": [letter]})


async def test_what_fails_again_comes_back_and_says_where_from(stack: Live) -> None:
    [first] = await publish(server_of(stack), REQUESTS.dlq, (b"garbage", [("mine", b"kept"), *_DEAD]))

    # Named twice, it is sent once.
    [replayed] = (await dlq(stack, "replay", first, first, "--yes"))["replayed"]

    second = await listed(stack, replayed_from=first)
    assert (second["source_partition"], second["source_offset"]) == (6, replayed["offset"])
    assert (await dlq(stack, "show", second["id"]))["headers"] == [{"name": "mine", "value": "kept"}]


async def test_all_are_replayed_once(stack: Live) -> None:
    """On the outcomes, which nothing else here sends to the dead letters."""
    arguments = ("replay", "--topic", OUTCOMES.name, "--all", "--yes")
    await dlq(stack, *arguments)
    unknown: Headers = [("ce_type", b"tallygate.unknown.v1"), *_DEAD]
    letters = await publish(server_of(stack), OUTCOMES.dlq, (b"1", unknown), (b"2", unknown))

    replayed = (await dlq(stack, *arguments))["replayed"]

    assert [one["id"] for one in replayed] == letters
    deadline = time.monotonic() + 20
    while (again := (await dlq(stack, *arguments))["replayed"]) == []:
        assert time.monotonic() < deadline
    assert {one["id"] for one in again}.isdisjoint(letters)


async def test_a_letter_that_is_not_there_is_an_error_with_a_tip(stack: Live) -> None:
    done = await stack.command("dlq", "show", f"{REQUESTS.dlq}:0:999999", check=False)

    assert done.returncode == 1
    assert "there is no dead letter" in done.stderr
    assert "tallygate dlq list" in done.stderr
