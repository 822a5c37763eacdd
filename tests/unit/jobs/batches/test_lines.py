"""The lines that are claimed for one round."""

from collections.abc import AsyncIterator
from typing import cast

import orjson
import pytest

from services.jobs.batches.checking import LONGEST_LINE
from services.jobs.batches.lines import InputLines
from shared.batches.rounds import MOST_BYTES, NewLine, Round, sealed_round
from shared.batches.store import BatchState, TakenBatch
from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.events import new_id, utc_now
from shared.files import File, Files, Line

RING = KeyRing.parse(new_key())
NOW, ID = utc_now(), new_id()
JOB = TakenBatch(ID, "acme", "0a", "/v1/embeddings", ID, "s", None, NOW, NOW, 60.0, 1, 0)
STATE = BatchState("in_progress", None, 9, 0, 0, 1, 0, 1, None, [], ID, ID, False, None)


async def given(*texts: bytes) -> AsyncIterator[Line]:
    for text in texts:
        yield Line(0, len(text), text)


def line(custom_id: str, size: int) -> bytes:
    """Of the characters that take most room in a text: quotes."""
    around = {"custom_id": custom_id, "url": "/v1/embeddings", "body": {"input": ""}}
    return orjson.dumps(around | {"body": {"input": '"' * ((size - len(orjson.dumps(around))) // 2)}})


@pytest.mark.parametrize("before", [104, 208], ids=["4-MiB-escaped", "4-MiB"])
async def test_a_round_of_the_largest_lines_is_one_that_a_gateway_takes(before: int) -> None:
    small = [line("é" * 256, 20_000)] * before
    texts = given(*small, line("c", LONGEST_LINE), *small)
    lines = InputLines(JOB, cast(Files, None), RING, cast(File, None), texts, STATE)

    claimed = await lines.claim(2000)

    new = [
        NewLine(line=row.line, inference_id=row.inference_id, custom_id=row.custom_id, body=one.body or "")
        for one in claimed
        for row in [one.row]
    ]
    asked = Round(
        sent_at=NOW, nonce="n" * 32, endpoint="/v1/embeddings", key_id="0a", session="s", created_at=NOW, lines=new
    )
    assert len(sealed_round(RING, "acme", ID, asked)) <= MOST_BYTES
