"""One HTTP call of one model: send, read within limits, and translate what went wrong."""

import asyncio
import math
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any

import aiohttp

from services.router.network import network_failure
from services.router.settings import TracedEndpoints
from services.router.streaming import OpenStream, SilentStreamError, StreamLimits, StreamTimes, nothing_came
from shared.errors import ErrorType, Failure, failure
from shared.errors.classify import classify, status_in
from shared.guard import Guard
from shared.guard.framing import bounded
from shared.operations import Operation
from shared.registry import Model
from shared.registry.secrets import ModelSecrets
from shared.telemetry.traces import fields_of
from shared.wire import (
    Completion,
    Exchange,
    NotACompletionError,
    Question,
    UntranslatableError,
    dialect_of,
    exchange_of,
)
from shared.wire.reading.server_events import EventTooLargeError
from shared.wire.reading.streams import BrokenStreamError
from shared.wire.reading.told_errors import ErrorInAnswerError
from shared.wire.reading.usage import NO_USAGE, Usage

_ERROR_BYTES = 64 * 1024  # of an error's body, this much is read
_ERROR_BODY_S = 10.0
_BETAS = "anthropic-beta"
# The router bounds what is in flight; a limit here would only add an invisible queue.
_CONNECTOR: dict[str, Any] = {"limit": 0, "ttl_dns_cache": 30, "keepalive_timeout": 60}


# Numbers are four times as long as the base64 that a caller may have asked for.
_AS_NUMBERS = 4
_SMALLER: dict[Operation, str] = {
    "chat": "Ask for a shorter answer (max_tokens).",
    "embeddings": "Send fewer inputs in one request; ask for base64 (encoding_format), or for fewer dimensions.",
    "rerank": "Ask for fewer results (top_n), and for none of the documents (return_documents: false).",
    "count_tokens": "Ask another model: a count is a few bytes.",
}


# The size of the answer so far; returns why it may not be kept.
Hold = Callable[[int], Failure | None]


class CallFailedError(Exception):
    """The call did not bring a completion. usage: what its endpoint says that it took all the same."""

    def __init__(self, failure: Failure, usage: Usage = NO_USAGE) -> None:
        super().__init__(failure.detail)
        self.failure = failure
        self.usage = usage


class Transport:
    """Two sessions for all endpoints: connections are kept open and reused.

    Custom models are called through the guard. Provider models are not: their endpoints are configured by the operator.
    """

    def __init__(
        self,
        connect_timeout_s: float,
        max_answer_bytes: int,
        guard: Guard,
        max_stream_bytes: int = 64 * 1024**2,
        traced: TracedEndpoints = "none",
    ) -> None:
        """traced: which endpoints are told the trace that a call belongs to."""
        self._connect_timeout_s = connect_timeout_s
        self._limits = StreamLimits(max_answer_bytes, max_stream_bytes)
        self._guard = guard
        self._traced = traced
        self._guarded: aiohttp.ClientSession | None = None
        self._plain: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._guarded = _session(self._guard.connector(**_CONNECTOR))
        self._plain = _session(bounded(aiohttp.TCPConnector(**_CONNECTOR)))

    async def stop(self) -> None:
        for session in (self._guarded, self._plain):
            if session is not None:
                await session.close()

    async def complete(
        self, model: Model, secrets: ModelSecrets, asked: Question, request_id: str, timeout_s: float, hold: Hold
    ) -> Completion:
        """The completion. Raises CallFailedError; lets CancelledError through.

        timeout_s: for the whole answer. hold: asked before more of it is kept.
        request_id: sent as x-request-id, so that the endpoint's records can be compared with ours.
        """
        with _failures_of(model, secrets, timeout_s):
            exchange = _exchange(model, asked)
            async with self._answer(model, secrets, asked, exchange, request_id, total_s=timeout_s) as response:
                return exchange.completion(await self._read(response, model, asked.operation, hold))

    @asynccontextmanager
    async def stream(
        self, model: Model, secrets: ModelSecrets, asked: Question, request_id: str, times: StreamTimes
    ) -> AsyncIterator[OpenStream]:
        """As `complete`, chunk by chunk. CallFailedError may be raised by the block that reads the chunks, too; an end
        that is not whole is one."""
        began_at = asyncio.get_running_loop().time()
        with _failures_of(model, secrets, times.total_s):
            async with AsyncExitStack() as stack:
                exchange = _exchange(model, asked)
                # No limit of aiohttp's own: it would cost as much, for each read, as all that is done with a chunk.
                answer = self._answer(model, secrets, asked, exchange, request_id, total_s=None)
                response = await _in_time(stack.enter_async_context(answer), began_at, times)
                opened = OpenStream(response, exchange, times, self._limits, began_at, partial(_grown, model))
                yield opened
                if not opened.so_far.whole:
                    detail = "broke its stream: its stream ended before the answer was whole"
                    raise _failed("stream_broken", model, detail)

    @asynccontextmanager
    async def _answer(
        self, model: Model, secrets: ModelSecrets, asked: Question, exchange: Exchange, request_id: str, *,
        total_s: float | None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:  # fmt: skip
        """A 200, of which the body is yet to be read."""
        headers = {
            **secrets.headers,
            **dialect_of(model.wire_format).headers(secrets.api_key, model.endpoint_url),
            **(_passed(asked, secrets.headers) if asked.form == model.wire_format else {}),
            "x-request-id": request_id,
            **dict(fields_of(asked.trace) if self._tells_trace(model) else ()),
        }
        sent = exchange.request(model.upstream_model, model.config, asked.body)
        session = self._guarded if model.is_custom else self._plain
        if session is None:
            raise RuntimeError("the transport has not been started")
        timeout = aiohttp.ClientTimeout(total=total_s, sock_connect=min(self._connect_timeout_s, total_s or math.inf))
        async with session.post(
            model.url_of(exchange.path), data=sent, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            if response.status != 200:
                raise CallFailedError(await _refusal(response, model, secrets))
            yield response

    def _tells_trace(self, model: Model) -> bool:
        return self._traced == "all" or (self._traced == "providers" and not model.is_custom)

    async def _read(self, response: aiohttp.ClientResponse, model: Model, operation: Operation, hold: Hold) -> bytes:
        chunks, size = [], 0
        most = self._limits.answer * (_AS_NUMBERS if operation == "embeddings" else 1)
        while not response.content.at_eof():
            chunk = await response.content.readany()
            size += len(chunk)
            if size > most:
                raise too_large(model, operation, f"answered with more than {most} bytes")
            if (too_many := hold(size)) is not None:  # not tried again: the next call would be paid for, too
                raise CallFailedError(too_many.model_copy(update={"retryable": False}))
            chunks.append(chunk)
        return b"".join(chunks)


def _passed(asked: Question, configured: Mapping[str, str]) -> dict[str, str]:
    """The caller's headers, which come before the model's own. Of betas, those of either are asked for."""
    passed = dict(asked.passed_headers)
    lists = (configured.get(_BETAS, ""), passed.get(_BETAS, ""))
    betas = dict.fromkeys(beta.strip() for listed in lists if listed for beta in listed.split(","))
    return {**passed, _BETAS: ",".join(betas)} if all(lists) else passed


def _exchange(model: Model, asked: Question) -> Exchange:
    """Raises UntranslatableError; the selection passes such a model over."""
    exchange = exchange_of(asked.operation, asked.form, model.wire_format, asked.body)
    if exchange is None:
        raise UntranslatableError(asked.operation, f"is nothing that an endpoint of the format {model.wire_format} has")
    return exchange


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        auto_decompress=True,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"content-type": "application/json", "user-agent": "tallygate"},
    )


async def _in_time(
    answering: Awaitable[aiohttp.ClientResponse], began_at: float, times: StreamTimes
) -> aiohttp.ClientResponse:
    """Raises SilentStreamError when the answer has not even begun while something of it should have come."""
    try:
        async with asyncio.timeout_at(began_at + min(times.first_chunk_s, times.total_s)) as waiting:
            return await answering
    except TimeoutError:
        if waiting.expired() and times.first_chunk_s < times.total_s:
            raise SilentStreamError(nothing_came(times)) from None
        raise


def _grown(model: Model, size: int, most: int) -> None:
    """Raises CallFailedError when a stream has more bytes than it may."""
    if size > most:
        raise too_large(model, "chat", f"answered with more than {most} bytes")


def too_large(model: Model, operation: Operation, detail: str) -> CallFailedError:
    """It is not tried again: another answer of the same model would be as large, and be paid for too."""
    address = model.server_address
    failed = failure("bad_response", f"{address} {detail}", model=model.id, host=address, tips=(_SMALLER[operation],))
    return CallFailedError(failed.model_copy(update={"retryable": False}))


@contextmanager
def _failures_of(model: Model, secrets: ModelSecrets, timeout_s: float) -> Iterator[None]:
    """Translates every error of a call to a CallFailedError."""
    try:
        yield
    except UntranslatableError as error:
        unsayable = failure("invalid_request", f"{model.id} cannot be asked: {error}", model=model.id)
        # Another candidate's endpoint may have what this one has not.
        raise CallFailedError(unsayable.model_copy(update={"fallback": True})) from None
    except NotACompletionError as error:
        raise _failed("bad_response", model, f"answered 200, but {error}", error.usage) from None
    except ErrorInAnswerError as error:
        raise CallFailedError(_told_with_200(error.body, model, secrets), error.usage) from None
    except BrokenStreamError as error:
        # Of its form: it would be paid for again and be read no better.
        broken = _failed("stream_broken", model, f"broke its stream: {error}").failure
        raise CallFailedError(broken.model_copy(update={"retryable": False})) from None
    except EventTooLargeError as error:
        raise _failed("bad_response", model, f"answered with too much: {error}") from None
    except SilentStreamError as error:
        raise _failed("read_timeout", model, str(error)) from None
    except (aiohttp.ClientError, TimeoutError, OSError, ssl.SSLError) as error:
        raise CallFailedError(network_failure(error, model, timeout_s, secrets)) from None
    except ValueError as error:
        # aiohttp raises it for what cannot be sent or parsed: header values, URLs, encodings.
        raise _failed("bad_response", model, f"could not be spoken to: {type(error).__name__}") from None


async def _refusal(response: aiohttp.ClientResponse, model: Model, secrets: ModelSecrets) -> Failure:
    """The Failure of an answer that is no 200. Its body helps to classify it; without one in time, the status alone."""
    body = bytearray()
    with suppress(aiohttp.ClientError, TimeoutError):  # what has come may say enough
        async with asyncio.timeout(_ERROR_BODY_S):
            async for part in response.content.iter_any():
                body += part
                if len(body) >= _ERROR_BYTES:
                    break
    headers = {name.lower(): value for name, value in response.headers.items()}
    host, redacted = model.server_address, secrets.to_redact
    return classify(
        response.status, headers, bytes(body[:_ERROR_BYTES]), model=model.id, host=host, secrets=redacted
    )  # fmt: skip


def _told_with_200(body: bytes, model: Model, secrets: ModelSecrets) -> Failure:
    """Classified as if the endpoint had answered with the status that it names, if it names one."""
    status = status_in(body)
    return classify(status, {}, body, model=model.id, host=model.server_address, secrets=secrets.to_redact)


def _failed(error_type: ErrorType, model: Model, detail: str, usage: Usage = NO_USAGE) -> CallFailedError:
    address = model.server_address
    return CallFailedError(failure(error_type, f"{address} {detail}", model=model.id, host=address), usage)
