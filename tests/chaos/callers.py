"""The callers: each asks, and asks again with the same key until it has an answer, as a client would."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator

import aiohttp

from tests.chaos.evidence import Note
from tests.chaos.mix import Ask, ask

PATIENCE_S = 90.0  # a caller gives up after this; a zombie, its redelivery and a restart of the broker fit in
DEADLINE_S = 60.0
_ANSWER_WITHIN_S = 75.0
_AGAIN_AFTER_S = 0.5
_LONGEST_PAUSE_S = 2.0
_TROUBLES_KEPT = 8
_LATER = ("unavailable", "too_many_requests")  # of the gateway, which has not taken the request


class Callers:
    """`requests` are spread evenly over `seconds`; what an outage held up is caught up with after it."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, key: str, seed: int, requests: int, seconds: float
    ) -> None:
        self.notes: list[Note] = []
        self.in_flight = 0
        self._session = session
        self._url = f"{url}/v1/chat/completions"
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json",
                         "x-tallygate-deadline-s": str(DEADLINE_S)}  # fmt: skip
        self._seed = seed
        self._pause_s = seconds / requests
        self._numbers: Iterator[int] = iter(range(requests))

    async def run(self, callers: int) -> None:
        started = asyncio.get_running_loop().time()
        await asyncio.gather(*(self._caller(started) for _ in range(callers)))

    def counts(self) -> str:
        statuses = Counter(note.status for note in self.notes)
        lost = sum(note.lost for note in self.notes)
        refused = sum(note.refused for note in self.notes)
        return (f"answered {statuses[200]}, errors {len(self.notes) - statuses[200]}, "
                f"waiting {self.in_flight}, connections lost {lost}, refused {refused}")  # fmt: skip

    async def _caller(self, started: float) -> None:
        for number in self._numbers:
            await asyncio.sleep(max(0.0, started + number * self._pause_s - asyncio.get_running_loop().time()))
            self.in_flight += 1
            self.notes.append(await self._answered(ask(self._seed, number)))
            self.in_flight -= 1

    async def _answered(self, question: Ask) -> Note:
        note = Note(question.number, question.key)
        gives_up_at = asyncio.get_running_loop().time() + PATIENCE_S
        while not note.resolved and asyncio.get_running_loop().time() < gives_up_at:
            try:
                pause_s = await self._ask(question, note)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                note.lost += 1
                note.troubles = [*note.troubles, repr(error)][-_TROUBLES_KEPT:]
                pause_s = _AGAIN_AFTER_S
            if not note.resolved:
                await asyncio.sleep(pause_s)
        return note

    async def _ask(self, question: Ask, note: Note) -> float:
        """Returns how long to wait before asking again, should that be needed."""
        body = {"model": question.model, "messages": [{"role": "user", "content": question.text}]}
        headers = self._headers | {"idempotency-key": question.key}
        timeout = aiohttp.ClientTimeout(total=_ANSWER_WITHIN_S)
        async with self._session.post(
            self._url, data=json.dumps(body).encode(), headers=headers, timeout=timeout
        ) as answer:
            text = await answer.text()
            write_down(note, question, answer.status, answer.headers.get("x-tallygate-inference-id"), text)
            return min(_LONGEST_PAUSE_S, float(answer.headers.get("retry-after", _AGAIN_AFTER_S)))


def write_down(note: Note, question: Ask, status: int, inference_id: str | None, text: str) -> None:
    """An answer that names an inference is its last word, unless it says: later."""
    code = None if status == 200 else error_code(text)
    if code in _LATER or (inference_id is None and status in (409, 429, 503)):
        note.refused += 1
        note.troubles = [*note.troubles, f"{status} {text[:200]}"][-_TROUBLES_KEPT:]
        return
    if inference_id is not None:
        note.ids.add(inference_id)
    note.status, note.code = status, code
    note.answers_question = status != 200 or question.text in text


def error_code(text: str) -> str:
    try:
        return str(json.loads(text)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return f"not an error object: {text[:100]}"
