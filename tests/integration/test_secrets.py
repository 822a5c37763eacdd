"""A planted key and a planted prompt are found nowhere in the clear: logs, spans, topics, database, error bodies.

All tests that share the stack plant some (tests/support/planted.py); the last test of a session searches for them.
"""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from shared.events.topics import RESULTS
from tests.support import planted
from tests.support.live import Api, Live

_SPANS_ARE_SENT_WITHIN_S = 0.5


# The search at the end of the session is for these too.
_OWN = {
    "key": "sk-invalid-" + secrets.token_hex(16),
    "header": "hdr" + secrets.token_hex(16),
    "prompt": "prompt" + secrets.token_hex(16),
}
_PLANTED = "the word that is everywhere"
_PLACES = ("logs/planted.log", "spans", RESULTS.dlq, "public.planted")


async def test_no_answer_tells_a_secret(stack: Live, tenant: Api) -> None:
    key, header, prompt = _OWN.values()
    bad = await tenant.add_model("bad", stack.model_server_url, api_key=key, headers={"x-team": header})
    good = await tenant.add_model("good", stack.model_server_url, api_key="sk-good" + key, headers={"x-team": header})

    refused = await tenant.chat(bad, prompt)
    await tenant.chat(good, prompt)
    await tenant.post("/api/codebase/chat", {"message": prompt, "model": good, "sessionId": "s1"})
    shown = [await tenant.get("/api/models/custom"), await tenant.get("/api/models/list"), refused]
    await tenant.settled(refused.body["error"]["inference_id"])
    monitoring = await tenant.monitoring(total=3)

    told = json.dumps([answer.body for answer in shown] + [monitoring])
    assert refused.body["error"]["code"] == "authentication_failed"
    assert [one for one in _OWN.values() if one in told] == []


WORD = "opensesame0123"
API_KEY = f"tg_01234567_{'x' * 43}"


@pytest.mark.parametrize(
    "text",
    [
        f"key={WORD}",
        json.dumps({"key": WORD}),
        quote(f"key={WORD}&", safe=""),
        WORD.encode().hex(),
        WORD.encode().hex().upper(),
        *(base64.b64encode(f"{before}{WORD}{after}".encode()).decode() for before in ("", "a", "ab") for after in "xy"),
    ],
)
def test_the_search_knows_every_form(text: str) -> None:
    assert planted.Search({"word": WORD}).finds(text.encode()) == {"word"}


def test_the_search_knows_an_api_key() -> None:
    assert planted.Search({}).finds(f"Bearer {API_KEY}".encode()) == {planted.AN_API_KEY}
    assert planted.Search({}).finds(b"tg_01234567 is only the id of a key") == set()


@pytest.mark.parametrize(
    ("status", "told"), [(200, planted.KEY), (400, planted.PROMPT), (500, API_KEY), (401, planted.PROVIDER_KEY)]
)
def test_an_answer_that_tells_too_much_is_seen_at_once(status: int, told: str) -> None:
    with pytest.raises(AssertionError, match="GET /api/keys"):
        planted.check_answer("GET", "/api/keys", status, told)


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


@pytest_asyncio.fixture(scope="module")
async def left(stack: Live) -> list[str]:
    """What lies in the clear when all other tests have run. One search for two tests, as it reads everything there is.

    What it searches is not nothing, also when it runs alone."""
    tenant = await stack.new_tenant()
    models = [await tenant.add_model(name, stack.model_server_url, name) for name in ("demo", "fault-401", "fault-500")]
    for model in models:
        await tenant.chat(model)
        await tenant.post("/api/codebase/chat", {"message": planted.PROMPT, "model": model, "sessionId": "s1"})
    assert (await tenant.call("DELETE", f"/api/models/custom/{models[0]}")).status == 204
    await tenant.monitoring(total=6)
    await asyncio.sleep(_SPANS_ARE_SENT_WITHIN_S)
    fingerprint = hashlib.sha256(planted.KEY.encode()).hexdigest()[:12]
    assert any(one["key_fingerprint"] == fingerprint for one in (await stack.model_server.ledger())["entries"])

    word = secrets.token_hex(16)
    async with planted_in_every_place(stack, word):
        return await planted.leaks(stack, **{_PLANTED: word}, **_OWN)


@pytest.mark.last
async def test_the_search_looks_everywhere(left: list[str]) -> None:
    assert {f"{place}: {_PLANTED}" for place in _PLACES} <= set(left)


@pytest.mark.last
async def test_the_whole_session_has_left_nothing_in_the_clear(left: list[str]) -> None:
    assert [one for one in left if not one.endswith(_PLANTED)] == []
