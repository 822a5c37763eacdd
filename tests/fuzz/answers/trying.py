"""One call of the router's own transport that is answered so, and what must hold of its outcome."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, get_args

import orjson

from services.gateway.conversations.telling import CodebaseWords
from services.gateway.event_stream import ChatWords
from services.router import counting, reports
from services.router.streaming import StreamTimes
from services.router.transport import CallFailedError, Transport
from shared.errors import CATALOGUE
from shared.events import AttemptEnded
from shared.guard import Guard
from shared.operations import Operation, WireFormat
from shared.registry.secrets import ModelSecrets
from shared.wire import Completion, Question, read_completion
from shared.wire.exchanges import chunks_of, exchange_of
from shared.wire.reading.collected import Collected
from shared.wire.reading.streams import BrokenStreamError, Chunk
from tests.fuzz.answers.grammar import SAID
from tests.fuzz.answers.sending import Sent, made
from tests.support.cpu_time import cpu_time
from tests.unit.router.values import model
from tests.unit.shared.events.samples import ended

_LIMIT = 1_000_000  # bytes of an answer, and of a stream
_TIMES = StreamTimes(60.0, 60.0, 60.0)
_LONGEST_S = 5.0  # of CPU for one call and all that follows it; the worst that was measured is 0.05
_FORMATS: tuple[WireFormat, ...] = get_args(WireFormat)
_OPERATIONS: tuple[Operation, ...] = get_args(Operation)


class Asked(NamedTuple):
    """How an endpoint of a wire format is asked."""

    operation: Operation
    form: WireFormat
    wire_format: WireFormat
    streamed: bool


# In every exchange that there is.
EVERY_WAY = tuple(
    Asked(operation, form, wire_format, streamed)
    for operation in _OPERATIONS
    for form in _FORMATS
    for wire_format in _FORMATS
    for streamed in (False, True)
    if exchange_of(operation, form, wire_format) is not None and (operation == "chat" or not streamed)
)


class WrongError(Exception):
    """What should hold does not."""


def tried(seed: int) -> str:
    """How the call ended: its error type, or "completed". Raises WrongError, and what nobody foresaw."""
    asked = EVERY_WAY[seed % len(EVERY_WAY)]
    sent = made(seed, asked.wire_format, streamed=asked.streamed)
    began = time.perf_counter()
    outcome = asyncio.run(_called(asked, sent))
    if time.perf_counter() - began > _LONGEST_S:  # of the machine, perhaps: the thread's own time costs a lot to ask
        with cpu_time() as spent:
            asyncio.run(_called(asked, sent))
            took = spent()
        if took > _LONGEST_S:
            raise WrongError(f"it took {took:.2f} s")
    if sent.is_good and asked.operation == "chat" and outcome != "completed":
        raise WrongError(f"a good answer became {outcome}")
    return outcome


async def _called(asked: Asked, sent: Sent) -> str:
    transport = Transport(5.0, _LIMIT, Guard(), _LIMIT)
    transport._guarded = transport._plain = _Session(sent)  # type: ignore[assignment]
    called = model(endpoint_url="http://h/v1", wire_format=asked.wire_format)
    question = Question(_BODIES.get(asked.operation, {}), asked.operation, asked.form)
    try:
        if asked.streamed:
            await _stream(transport, called, question)
        else:
            completion = await transport.complete(called, ModelSecrets(None, {}), question, "r", 60.0, lambda _: None)
            _check_completion(completion, asked)
    except CallFailedError as error:
        _check_failure(error, told_in_an_answer=sent.status == 200)
        return error.failure.error_type
    return "completed"


async def _stream(transport: Transport, called: Any, question: Question) -> None:
    chunks: list[Chunk] = []
    async with transport.stream(called, ModelSecrets(None, {}), question, "r", _TIMES) as stream:
        async for read in stream.reads():
            chunks += read
        if stream.so_far.whole:
            chunks += stream.last_chunks()
    so_far = stream.so_far
    _check_booked(counting.of_answer(so_far.usage, so_far.characters, lambda: 1))
    _check_chunks(chunks, question.form)


def _check_failure(error: CallFailedError, *, told_in_an_answer: bool) -> None:
    failed = error.failure
    if failed.error_type not in CATALOGUE or failed.error_type == "internal":
        raise WrongError(f"the failure has the type {failed.error_type}")
    if told_in_an_answer and SAID in failed.model_dump_json():
        raise WrongError(f"what the model said is told in the failure: {failed.detail}")
    _check_booked(counting.of_failure(failed, error.usage))


def _check_booked(counted: counting.Counted) -> None:
    """That the books can hold it."""
    booked = reports.booked(counted, model())
    AttemptEnded.model_validate(ended().model_dump() | booked)
    usage, state = counted
    if (state == "unknown") != (usage.input_tokens is None or usage.output_tokens is None):
        raise WrongError(f"usage of the state {state} is {usage}")


def _check_completion(completion: Completion, asked: Asked) -> None:
    read = completion.read
    _check_booked(counting.of_answer(read.usage, read.characters, lambda: 1))
    orjson.dumps((read.text, read.response_model, read.finish_reasons))
    body = orjson.loads(completion.body)
    if asked.operation != "chat":
        return
    if asked.form == "openai":
        if not all(isinstance(choice["message"], dict) for choice in body["choices"]) or not body["choices"]:
            raise WrongError("a completion has no message")
        if read_completion(body).text != read.text:
            raise WrongError("the same completion is read twice as two things")
    with suppress(BrokenStreamError):  # what is nested too deeply to be written is passed on as it came, whole
        _check_chunks(list(chunks_of(asked.form, completion.body)), asked.form)


def _check_chunks(chunks: list[Chunk], form: WireFormat) -> None:
    for chunk in chunks:
        if b"\n" in chunk.data:
            raise WrongError("a chunk has a newline")
        orjson.loads(chunk.data)
    if form != "openai":
        return
    collected, lines = Collected(), b"\n".join(chunk.data for chunk in chunks)
    for chunk in chunks:
        collected.add(orjson.loads(chunk.data))
    read_completion(orjson.loads(collected.completion()))
    if lines:
        ChatWords(include_usage=False).chunks(lines)
        CodebaseWords(_never).chunks(lines)


async def _never(*_: Any) -> dict[str, Any]:
    raise AssertionError


_BODIES: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5},
    "embeddings": {"input": "hi"},
    "rerank": {"query": "hi", "documents": ["a", "b", "c"]},
    "count_tokens": {"messages": [{"role": "user", "content": "hi"}]},
}


class _Content:
    def __init__(self, pieces: tuple[bytes, ...]) -> None:
        self._pieces = list(reversed(pieces))

    async def readany(self) -> bytes:
        return self._pieces.pop() if self._pieces else b""

    def at_eof(self) -> bool:
        return not self._pieces

    async def iter_any(self) -> AsyncIterator[bytes]:
        while self._pieces:
            yield self._pieces.pop()

    async def read(self, _size: int) -> bytes:
        return b"".join([piece async for piece in self.iter_any()])

    def set_exception(self, error: BaseException) -> None:
        raise AssertionError from error


class _Response:
    def __init__(self, sent: Sent) -> None:
        self.status = sent.status
        self.content_type = sent.content_type
        self.headers = {"content-type": sent.content_type, "retry-after": "3"}
        self.content = _Content(sent.pieces)


class _Session:
    """In place of aiohttp's: whatever is asked, this is answered."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent

    @asynccontextmanager
    async def post(self, *_: Any, **__: Any) -> AsyncIterator[_Response]:
        yield _Response(self._sent)
