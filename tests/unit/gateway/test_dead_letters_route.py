"""Dead letters over HTTP: for operators only, without what was sent, and on record when they are published again."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from services.gateway.dead_letters import DeadLetters
from shared.access import Caller
from shared.events.topics import OUTCOMES, REQUESTS
from shared.kafka.dead_letters.sending import send_to_dlq
from shared.kafka.local import LocalBroker, Produce, refused
from shared.kafka.publisher import Publisher
from shared.kafka.settings import KafkaSettings
from tests.support.gateway_app import Here, Told, gateway_here, told
from tests.unit.shared.kafka.records import record

LIST, REPLAY = "/api/dead-letters", "/api/dead-letters/replay"
CONTENT = b"open sesame"


class Letters:
    """A gateway beside a broker with dead letters; every statement that it executes."""

    def __init__(self, caller: Caller | None = None) -> None:
        self.broker = LocalBroker(settings=KafkaSettings.model_construct(bootstrap_servers="local"))
        self.here: Here = gateway_here(caller)
        self.here.app.state.gateway = replace(self.here.gateway, dead_letters=DeadLetters(self.broker))
        self.recorded: list[tuple[Any, ...]] = []
        self.here.pool.execute = self._execute  # type: ignore[method-assign]

    async def _execute(self, statement: str, *values: Any) -> str:
        if "gateway.changes" in statement:
            self.recorded.append(values)
            self.published_by_then = len(self.broker.cluster.records(REQUESTS.name))
        return "INSERT 0 1"

    async def add(self, *bodies: bytes) -> None:
        publisher = Publisher(self.broker, "test")
        await publisher.start()
        for body in bodies:
            await send_to_dlq(publisher, record(REQUESTS.name, body=body), "invalid_request", "it cannot be read")
        await publisher.stop()

    async def replay(self, *ids: str) -> Told:
        headers = [(b"content-type", b"application/json")]
        return await told(self.here, "POST", REPLAY, orjson.dumps({"ids": ids}), headers)


def letter_id(offset: int) -> str:
    return f"{REQUESTS.dlq}:0:{offset}"


async def test_the_newest_are_listed_without_what_was_sent() -> None:
    letters = Letters()
    await letters.add(b"first", CONTENT)

    answer = await told(letters.here, "GET", f"{LIST}?topic={REQUESTS.name}&limit=1")

    [topic] = answer.body["topics"]
    assert (topic["topic"], topic["kept"]) == (REQUESTS.name, 2)
    [entry] = topic["entries"]
    assert (entry["id"], entry["reason"], entry["size"]) == (letter_id(1), "it cannot be read", len(CONTENT))
    assert CONTENT not in orjson.dumps(answer.body)


async def test_those_of_every_topic_are_listed() -> None:
    answer = await told(Letters().here, "GET", LIST)

    assert {REQUESTS.name, OUTCOMES.name} <= {topic["topic"] for topic in answer.body["topics"]}


async def test_a_replay_is_on_record_before_anything_is_published() -> None:
    letters = Letters()
    await letters.add(b"first", CONTENT)

    answer = await letters.replay(letter_id(1), letter_id(1))

    assert answer.status == 200, answer
    [replayed] = answer.body["replayed"]
    [published] = letters.broker.cluster.records(REQUESTS.name)
    assert (replayed["id"], replayed["topic"], published.value) == (letter_id(1), REQUESTS.name, CONTENT)
    [(_, tenant, key_id, action, subject, details, *_)] = letters.recorded
    assert (tenant, key_id, action, subject) == ("acme", "01234567", "dead_letters.replayed", REQUESTS.dlq)
    assert (details, letters.published_by_then) == ({"ids": [letter_id(1)]}, 0)


async def test_what_cannot_be_replayed_says_how_many_were() -> None:
    letters = Letters()
    await letters.add(CONTENT)

    gone = await letters.replay(letter_id(0), letter_id(7))
    letters.broker.cluster.faults = lambda asked: refused() if isinstance(asked, Produce) else None
    away = await letters.replay(letter_id(0))

    assert gone.status == 400
    assert gone.body["detail"] == f"there is no dead letter {letter_id(7)}; 1 before it were published again"
    assert away.status == 503
    assert len(letters.broker.cluster.records(REQUESTS.name)) == 1


@pytest.mark.parametrize("ids", [[], ["nonsense"], [letter_id(0)] * 101, ["inference.requests.v1:0:0"]])
async def test_what_is_no_dead_letter_is_refused_and_nothing_recorded(ids: list[str]) -> None:
    letters = Letters()

    assert (await letters.replay(*ids)).status == 400
    assert letters.recorded == []


async def test_who_is_no_operator_is_told_of_none() -> None:
    letters = Letters(Caller("acme", "01234567", frozenset({"monitor", "models", "inference"})))
    await letters.add(CONTENT)

    assert (await told(letters.here, "GET", LIST)).status == 403
    assert (await letters.replay(letter_id(0))).status == 403
    assert not letters.broker.cluster.records(REQUESTS.name)
