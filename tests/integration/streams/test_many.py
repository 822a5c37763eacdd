"""Many streams at once, each held against the endpoint's own ledger and against the books."""

import asyncio
import json
import os
from collections import Counter
from typing import Any, NamedTuple

import asyncpg
import pytest

from deploy.model_server.streams import rate_text
from tests.integration.streams.checking import WIRES, add, is_all_of, sha256
from tests.support.live import Api, Live
from tests.support.streaming import Told

AT_ONCE = 200
_CHUNKS = 50
# `make streams` asks for 1,000.
MIXED = int(os.environ.get("MIXED_STREAMS", "240"))
_CALLERS = 60
_STREAMS_OF_A_MODEL = 6  # three calls each at most: fewer failures in a row than pause a model

WHOLE = (
    "demo",
    "demo-tokens-40",
    "fault-stream-drip",
    "fault-stream-comments",
    "fault-stream-no-done",
    "demo-silence-30",
)
RESET = ("fault-stream-reset-first", "fault-stream-reset-mid", "fault-broken-stream")
BROKEN = {
    **dict.fromkeys(RESET, "stream_broken"),
    "fault-stream-eof-mid": "stream_broken",
    "fault-stream-half-event": "stream_broken",
    "fault-stream-silent-mid": "read_timeout",
    "fault-stream-not-json": "stream_broken",
    "fault-error-in-stream": "server_error",
    "fault-stream-error-529": "overloaded",
    "fault-stream-error-then-done": "server_error",
}

_BOOKS = """
SELECT inference_id::text, settlement, error->>'error_type' AS error_type,
       (SELECT array_agg(attempt_id::text ORDER BY attempt_number) FROM monitor.attempts AS a
        WHERE a.inference_id = i.inference_id) AS attempts
FROM monitor.inferences AS i WHERE inference_id = ANY($1::uuid[]) AND settlement IS NOT NULL
"""


class Booked(NamedTuple):
    settlement: str
    error_type: str | None
    attempts: list[str]


async def booked(stack: Live, asked: list[str]) -> dict[str, Booked]:
    """What the books say of these inferences, once they say how every one of them ended."""
    connection: Any = await asyncpg.connect(stack.environment["DATABASE_URL"])
    try:
        async with asyncio.timeout(30):
            while len(rows := await connection.fetch(_BOOKS, asked)) < len(asked):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    finally:
        await connection.close()
    return {row["inference_id"]: Booked(row["settlement"], row["error_type"], row["attempts"]) for row in rows}


async def test_two_hundred_at_once_are_exact_to_the_byte(stack: Live, tenant: Api) -> None:
    model = await add(tenant, stack, f"demo-rate-10-count-{_CHUNKS}")
    texts = [f"caller {number}" for number in range(AT_ONCE)]
    streams = asyncio.gather(*(tenant.stream.ask(model, text) for text in texts))
    async with asyncio.timeout(30):
        while (await stack.model_server.ledger(entries=False))["open"] < AT_ONCE:  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    told = await streams

    assert [one.text for one in told] == [rate_text(text, _CHUNKS) for text in texts]
    assert all(one.whole for one in told)
    books = await booked(stack, [one.inference_id for one in told])
    entries = await stack.model_server.entries_of({attempt for one in books.values() for attempt in one.attempts})
    assert len(entries) == AT_ONCE
    for one in told:
        found = books[one.inference_id]
        assert (found.settlement, len(found.attempts)) == ("completed", 1)
        assert is_all_of(one.text, entries[found.attempts[0]])


def mixed(count: int) -> list[str]:
    """What the models do: of three streams one breaks, in ten ways by turns."""
    ways = list(BROKEN)
    return [ways[n // 3 % len(ways)] if n % 3 == 0 else WHOLE[n % len(WHOLE)] for n in range(count)]


@pytest.mark.timeout(300)
async def test_of_many_mixed_streams_every_one_is_told_and_booked_as_what_it_was(stack: Live, tenant: Api) -> None:
    kinds = mixed(MIXED)
    models = await _models(stack, tenant, kinds)
    gate = asyncio.Semaphore(_CALLERS)

    async def ask(number: int) -> Told:
        async with gate:
            return await tenant.stream.ask(models[number], f"stream {number} of {MIXED} says this and no more")

    told = await asyncio.gather(*map(ask, range(MIXED)))

    books = await booked(stack, [one.inference_id for one in told])
    entries = await stack.model_server.entries_of({attempt for one in books.values() for attempt in one.attempts})
    wrong = [
        (kind, one.error, books[one.inference_id])
        for kind, one in zip(kinds, told, strict=True)
        if not _as_it_was(kind, one, books[one.inference_id], entries)
    ]
    assert wrong == []
    assert Counter(one.error_type for one in told)[None] == sum(kind in WHOLE for kind in kinds)
    done = await stack.command("audit", "--json", check=False)
    assert json.loads(done.stdout)["balanced"], done.stdout


async def _models(stack: Live, tenant: Api, kinds: list[str]) -> list[str]:
    """The model of each stream."""
    made: dict[tuple[str, int], str] = {}
    seen: Counter[str] = Counter()
    models = []
    for kind in kinds:
        turn = seen[kind] // _STREAMS_OF_A_MODEL if kind in BROKEN else 0
        seen[kind] += 1
        if (kind, turn) not in made:
            made[kind, turn] = await tenant.add_model(
                f"{kind}-{turn}", stack.model_server_url, kind, provider=WIRES[len(made) % 2],
                first_chunk_timeout_s=20, idle_timeout_s=3 if kind in BROKEN else 20, timeout_s=60,
            )  # fmt: skip
        models.append(made[kind, turn])
    return models


def _as_it_was(kind: str, told: Told, found: Booked, entries: dict[str, dict[str, Any]]) -> bool:
    last = entries[found.attempts[-1]]
    if kind in WHOLE:
        return (told.whole, found.settlement, found.error_type) == (True, "completed", None) and is_all_of(
            told.text, last
        )
    said = (told.error_type, told.looks_complete, found.settlement, found.error_type)
    # An answer that is no stream says nothing of what had come: all of it came at once with its end.
    exact = told.status != 200 or kind in (*RESET, "fault-stream-not-json") or sha256(told.text) == last["text_sha256"]
    return said == (BROKEN[kind], False, "failed", BROKEN[kind]) and exact
