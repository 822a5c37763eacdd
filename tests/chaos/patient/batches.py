"""Batches: uploaded, made, and read when they have ended. Where the answer was lost one is made twice."""

from collections.abc import Sequence
from typing import Any

import aiohttp

from shared.client.requests import BATCHES, CHAT, FILES
from tests.chaos.mix import Ask
from tests.chaos.patient.again import final, spread, until_taken
from tests.chaos.patient.words import BatchLine, BatchSeen, LastWord, Ordered, last_word
from tests.support import forms
from tests.support.batches import LAST, as_file, batch_line, lines_of
from tests.support.live import Api

_NUMBER = "number"  # in its metadata


class Batches:
    """asks: the lines of each."""

    def __init__(self, api: Api, session: aiohttp.ClientSession, asks: Sequence[Sequence[Ask]]) -> None:
        self.ordered: list[Ordered] = []
        self._api = api
        self._session = session
        self._asks = asks

    async def run(self, seconds: float) -> None:
        await spread(range(len(self._asks)), seconds, self._order)

    async def _order(self, number: int) -> None:
        asks, troubles = self._asks[number], list[str]()
        content = as_file([batch_line(ask.key, CHAT, ask.body()) for ask in asks])
        file_id = await until_taken(lambda: self._uploaded(content, troubles), troubles)
        made = file_id is not None and await until_taken(lambda: self._made(file_id, number, troubles), troubles)
        self.ordered.append(Ordered(number, [ask.key for ask in asks], bool(made), troubles))

    async def _uploaded(self, content: bytes, troubles: list[str]) -> str | None:
        form = forms.form(forms.purpose(), forms.file(content, "lines.jsonl"))
        answer = final(await self._api.call("POST", FILES, raw=form, headers={"content-type": forms.KIND}), troubles)
        return None if answer is None else str(answer.body["id"])

    async def _made(self, file_id: str, number: int, troubles: list[str]) -> bool | None:
        asked = {"input_file_id": file_id, "endpoint": CHAT, "completion_window": "24h",
                 "metadata": {_NUMBER: str(number)}}  # fmt: skip
        answer = final(await self._api.post(BATCHES, asked), troubles)
        if answer is not None and answer.status != 200:
            troubles.append(f"{answer.status} {answer.text[:200]}")
        return None if answer is None else answer.status == 200

    async def listed(self) -> list[dict[str, Any]]:
        answer = await self._api.get(f"{BATCHES}?limit=100")
        assert answer.status == 200, answer
        assert not answer.body["has_more"], "more batches than are read here"
        found: list[dict[str, Any]] = answer.body["data"]
        return found

    async def seen(self) -> list[BatchSeen]:
        texts = {ask.key: ask.message for asks in self._asks for ask in asks}
        return [await self._seen(batch, texts) for batch in await self.listed()]

    async def _seen(self, batch: dict[str, Any], texts: dict[str, str]) -> BatchSeen:
        output = await lines_of(self._api, self._session, batch["output_file_id"])
        error = await lines_of(self._api, self._session, batch["error_file_id"])
        lines = [_line(line, last_word(line["response"]["body"], texts.get(line["custom_id"], ""))) for line in output]
        lines += [_line(line, last_word(None, "")) for line in error]
        return BatchSeen(batch["id"], int(batch["metadata"][_NUMBER]), batch["session"], _wrong(batch), lines)


def has_ended(batch: dict[str, Any]) -> bool:
    return batch["status"] in LAST


def _line(line: dict[str, Any], word: LastWord) -> BatchLine:
    response = line["response"]
    return BatchLine(line["custom_id"], None if response is None else response["request_id"], word)


def _wrong(batch: dict[str, Any]) -> str:
    if batch["status"] == "completed" and not batch["errors"]:
        return ""
    return f"it is {batch['status']}, {batch['request_counts']}, waiting for {batch['waiting_for']}: {batch['errors']}"
