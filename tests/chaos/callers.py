"""The callers: each asks, and asks again with the same key until it has an answer, as a client would."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import aiohttp

from shared.client import Answer, Problem
from shared.client.async_client import AsyncClient
from shared.client.requests import CHAT
from tests.chaos.evidence import Note
from tests.chaos.mix import Ask
from tests.support.streaming import StreamCaller, Told

PATIENCE_S = 120.0  # a caller gives up after this; a zombie, its redelivery and a slow restart of the broker fit in
_ANSWER_WITHIN_S = 75.0
_AGAIN_AFTER_S = 0.5
_LONGEST_PAUSE_S = 2.0
_TROUBLES_KEPT = 8
_WHOLE, _BROKEN = 200, 502  # the statuses that stand for a stream
_LATER = ("unavailable", "too_many_requests")  # of the gateway, which has not taken the request


class Asking(NamedTuple):
    """What a tenant asks: requests 0, 1, 2 ... spread over `seconds`, `burst` of them at the same moment.

    What an outage held up is caught up with after it.
    """

    asker: str
    ask: Callable[[int], Ask]
    requests: int
    callers: int
    seconds: float
    burst: int = 1

    def at_s(self, number: int) -> float:
        return number // self.burst * self.burst * self.seconds / self.requests


class Callers:
    """Of one tenant."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str, asking: Asking) -> None:
        self.notes: list[Note] = []
        self.in_flight = 0
        self._client = AsyncClient(session, url, key)
        self._streams = StreamCaller(session, url, key)
        self._asking = asking
        self._numbers: Iterator[int] = iter(range(asking.requests))

    async def run(self) -> None:
        started = asyncio.get_running_loop().time()
        await asyncio.gather(*(self._caller(started) for _ in range(self._asking.callers)))

    def counts(self) -> str:
        statuses = Counter(note.status for note in self.notes)
        lost = sum(note.lost for note in self.notes)
        refused = sum(note.refused for note in self.notes)
        return (f"{self._asking.asker}: answered {statuses[200]}, errors {len(self.notes) - statuses[200]}, "
                f"waiting {self.in_flight}, connections lost {lost}, refused {refused}")  # fmt: skip

    async def _caller(self, started: float) -> None:
        for number in self._numbers:
            at = started + self._asking.at_s(number)
            await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))
            self.in_flight += 1
            self.notes.append(await self._answered(self._asking.ask(number)))
            self.in_flight -= 1

    async def _answered(self, question: Ask) -> Note:
        now = asyncio.get_running_loop().time
        note = Note(question.number, question.key, asker=self._asking.asker, model=question.model)
        note.asked_at, began = datetime.now(UTC), now()
        while not note.resolved and now() < began + PATIENCE_S:
            try:
                pause_s = await self._ask(question, note)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                note.lost += 1
                note.troubles = [*note.troubles, repr(error)][-_TROUBLES_KEPT:]
                pause_s = _AGAIN_AFTER_S
            if not note.resolved:
                await asyncio.sleep(pause_s)
        note.took_s = now() - began
        return note

    async def _ask(self, question: Ask, note: Note) -> float:
        """Returns how long to wait before asking again, should that be needed."""
        headers = {"idempotency-key": question.key, "x-tallygate-deadline-s": str(question.deadline_s)}
        if question.streamed is not None:
            return await self._ask_for_a_stream(question, question.streamed, note, headers)
        answer = await self._client.send("POST", CHAT, question.body(), headers=headers, timeout_s=_ANSWER_WITHIN_S)
        write_down(note, question, answer)
        return _pause_s(answer.headers)

    async def _ask_for_a_stream(self, question: Ask, whole: str, note: Note, headers: Mapping[str, str]) -> float:
        try:
            told = await self._streams.ask(question.model, question.message, headers=headers, within_s=_ANSWER_WITHIN_S)
        except AssertionError as error:
            note.streams_wrong.append(f"was told what is no stream: {error}"[:300])
            return _AGAIN_AFTER_S
        write_down_stream(note, whole, told)
        return _pause_s(told.headers)


def _pause_s(headers: Mapping[str, str]) -> float:
    return min(_LONGEST_PAUSE_S, float(headers.get("retry-after", _AGAIN_AFTER_S)))


def write_down(note: Note, question: Ask, answer: Answer) -> None:
    """An answer that names an inference is its last word, unless it says: later."""
    code = None if answer.status == 200 else error_code(answer)
    if code in _LATER or (answer.inference_id is None and answer.status in (409, 429, 503)):
        note.refused += 1
        note.troubles = [*note.troubles, f"{answer.status} {answer.text[:200]}"][-_TROUBLES_KEPT:]
        return
    if answer.inference_id is not None:
        note.ids.add(answer.inference_id)
    note.status, note.code = answer.status, code
    note.answers_question = answer.status != 200 or not question.echoed or question.text in answer.text


def write_down_stream(note: Note, whole: str, told: Told) -> None:
    """As `write_down`. whole: the text that the model sends, if it sends all of it."""
    note.streams += told.chunks != []
    note.streams_wrong += _wrong_in(whole, told)
    if told.error_type in _LATER:
        note.refused += 1
        note.troubles = [*note.troubles, f"{told.status} {told.error}"[:200]][-_TROUBLES_KEPT:]
        return
    if "x-tallygate-inference-id" in told.headers:
        note.ids.add(told.inference_id)
    if told.error is not None:
        note.status, note.code = (told.status if told.status != _WHOLE else _BROKEN), told.error_type
    elif told.done:
        note.status = _WHOLE
    else:
        note.lost += 1


def _wrong_in(whole: str, told: Told) -> list[str]:
    wrong = []
    if not whole.startswith(told.text):
        wrong.append("was told what the model did not send")
    if told.looks_complete and told.text != whole:
        wrong.append(f"looked complete after {len(told.text)} of {len(whole)} characters")
    if not (told.done or told.error or told.broken):
        wrong.append("ended without a word")
    return wrong


def error_code(answer: Answer) -> str:
    problem = Problem.parse(answer)
    return f"not an error object: {answer.text[:100]}" if problem is None else problem.error_type
