"""A planted key and a planted prompt are found nowhere in the clear: logs, spans, topics, database, error bodies."""

import json
import secrets

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.events.topics import wanted_topics
from tests.support.live import Api, Live


async def test_nothing_leaks(stack: Live, tenant: Api) -> None:
    key = "sk-invalid-" + secrets.token_hex(16)
    header = "hdr" + secrets.token_hex(16)
    prompt = "prompt" + secrets.token_hex(16)
    planted = [key, header, prompt]
    bad = await tenant.add_model("bad", stack.model_server_url, api_key=key, headers={"x-team": header})
    good = await tenant.add_model("good", stack.model_server_url, api_key="sk-good" + key, headers={"x-team": header})

    refused = await tenant.chat(bad, prompt)
    await tenant.chat(good, prompt)
    await tenant.post("/api/codebase/chat", {"message": prompt, "model": good, "sessionId": "s1"})
    shown = [await tenant.get("/api/models/custom"), await tenant.get("/api/models/list"), refused]
    await tenant.settled(refused.body["error"]["inference_id"])
    monitoring = await tenant.monitoring(total=3)

    assert not _found(planted, json.dumps([answer.body for answer in shown] + [monitoring]).encode())
    for log in stack.stack.home.path.glob("logs/*"):
        assert not _found(planted, log.read_bytes()), log.name
    assert not _found(planted, b"".join(stack.otlp.raw))
    assert not _found(planted, await _everything_on_the_topics(stack))
    assert not _found(planted, await _everything_in_the_database(stack))


def _found(planted: list[str], where: bytes) -> list[str]:
    return [one for one in planted if one.encode() in where]


async def _everything_on_the_topics(stack: Live) -> bytes:
    server = stack.environment["KAFKA_BOOTSTRAP_SERVERS"]
    names = [topic.name for topic in wanted_topics()]
    consumer = AIOKafkaConsumer(*names, bootstrap_servers=server, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.unsubscribe()
        partitions = [TopicPartition(name, one) for name in names for one in consumer.partitions_for_topic(name)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        seen = b""
        while any([await consumer.position(one) < ends[one] for one in partitions]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    seen += (record.value or b"") + b"".join(value for _, value in record.headers)
        assert seen
        return seen
    finally:
        await consumer.stop()


async def _everything_in_the_database(stack: Live) -> bytes:
    import asyncpg

    connection = await asyncpg.connect(stack.environment["DATABASE_URL"])
    try:
        tables = await connection.fetch(
            "SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname IN ('gateway', 'monitor')"
        )
        dump = b""
        for table in tables:
            rows = await connection.fetch(f"SELECT t::text AS row FROM {table['name']} t")  # noqa: S608
            dump += "\n".join(row["row"] for row in rows).encode()
        assert dump
        return dump
    finally:
        await connection.close()
