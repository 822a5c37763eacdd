"""A planted key and a planted prompt are found nowhere in the clear: logs, spans, topics, database, error bodies.

All tests that share the stack plant some (tests/support/planted.py); when it has served them all, it is searched.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from aiokafka import AIOKafkaProducer

from shared.events.topics import RESULTS
from tests.support import planted
from tests.support.live import Api, Live

_PLANTED = "the word that is everywhere"
_PLACES = ("logs/planted.log", "spans", RESULTS.dlq, "public.planted")


async def test_no_answer_tells_a_secret(stack: Live, tenant: Api) -> None:
    key, header, prompt = f"sk-invalid-{planted.SECRET}", f"header-{planted.SECRET}", planted.PROMPT
    bad = await tenant.add_model("bad", stack.model_server_url, api_key=key, headers={"x-team": header})
    good = await tenant.add_model("good", stack.model_server_url, api_key="sk-good" + key, headers={"x-team": header})

    refused = await tenant.chat(bad, prompt)
    await tenant.chat(good, prompt)
    await tenant.post("/api/codebase/chat", {"message": prompt, "model": good, "sessionId": "s1"})
    shown = [await tenant.get("/api/models/custom"), await tenant.get("/api/models/list"), refused]
    await tenant.settled(refused.body["error"]["inference_id"])
    monitoring = await tenant.monitoring(total=3)

    text = json.dumps([answer.body for answer in shown] + [monitoring])
    assert refused.body["error"]["code"] == "authentication_failed"
    assert [one for one in (key, header, prompt) if one in text] == []


@asynccontextmanager
async def planted_in_every_place(stack: Live, word: str) -> AsyncIterator[None]:
    """In a log, a span, a topic and a table, each in another form."""
    log = stack.stack.home.path / "logs" / "planted.log"
    log.write_bytes(b"x" * 2**22 + word.encode())  # it does not begin in the first piece
    stack.otlp.raw.append(f"<{word}>".encode())
    server = stack.environment["KAFKA_BOOTSTRAP_SERVERS"]
    async with AIOKafkaProducer(bootstrap_servers=server, compression_type="gzip") as producer:
        await producer.send_and_wait(RESULTS.dlq, b"", headers=[("planted", base64.b64encode(word.encode()))])
    database = await asyncpg.connect(stack.environment["DATABASE_URL"])
    try:
        await database.execute("CREATE TABLE planted AS SELECT convert_to($1, 'utf8') AS bytes", word)
        yield
    finally:
        await database.execute("DROP TABLE planted")
        await database.close()
        log.unlink()


async def test_the_search_looks_everywhere(stack: Live) -> None:
    """It finds what was planted in each place, and nothing else, though keys and prompts were sent in all ways."""
    tenant = await stack.new_tenant()
    models = [await tenant.add_model(name, stack.model_server_url, name) for name in ("demo", "fault-401", "fault-500")]
    for model in models:
        await tenant.chat(model)
        await tenant.post("/api/codebase/chat", {"message": planted.PROMPT, "model": model, "sessionId": "s1"})
    assert (await tenant.call("DELETE", f"/api/models/custom/{models[0]}")).status == 204
    await tenant.monitoring(total=6)
    fingerprint = hashlib.sha256(planted.KEY.encode()).hexdigest()[:12]
    assert any(one["key_fingerprint"] == fingerprint for one in (await stack.model_server.ledger())["entries"])

    word = secrets.token_hex(16)
    async with planted_in_every_place(stack, word):
        left = await planted.leaks(stack, **{_PLANTED: word})

    assert {f"{place}: {_PLANTED}" for place in _PLACES} <= set(left)
    assert [one for one in left if not one.endswith(_PLANTED)] == []
