"""The monitor's API, called with the caller's own key, which the monitor checks again."""

from contextlib import AsyncExitStack
from typing import NamedTuple
from uuid import UUID

import aiohttp
import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from shared.errors import TallygateError

_PASSED_ON = ("authorization", "x-api-key", "traceparent", "tracestate", "last-event-id")
_TOLD = ("content-type", "content-disposition", "cache-control")
_open: "set[aiohttp.ClientResponse]" = set()  # that are being relayed


_SILENCE_S = 60.0  # the monitor says something every 15 s


class MonitorAnswer(NamedTuple):
    status: int
    body: bytes
    content_type: str


async def ask_monitor(
    session: aiohttp.ClientSession, request: Request, path: str, *, with_query: bool = True
) -> MonitorAnswer:
    """What the monitor answers to GET `path`. with_query: that of the request. Raises `unavailable` when it cannot be
    reached."""
    query = dict(request.query_params) if with_query else {}
    try:
        async with session.get(path, params=query, headers=_headers(request)) as response:
            return MonitorAnswer(response.status, await response.read(), response.content_type)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _unreachable(error) from error


async def state_of(session: aiohttp.ClientSession, request: Request, inference_id: UUID) -> str | None:
    """Of an inference, as it is in the books; None when they cannot be asked, or do not know it."""
    try:
        answer = await ask_monitor(session, request, f"/api/inferences/{inference_id}", with_query=False)
    except TallygateError:
        return None
    return str(orjson.loads(answer.body)["state"]) if answer.status == 200 else None


class Relayed(Response):
    """A long answer of the monitor to GET `path`, as it comes. One that breaks off there breaks off here."""

    def __init__(self, session: aiohttp.ClientSession, request: Request, path: str) -> None:
        super().__init__()
        self._session = session
        self._request = request
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises `unavailable` when the monitor cannot be reached."""
        request = self._request
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_SILENCE_S)
        async with AsyncExitStack() as stack:
            try:
                asking = self._session.get(
                    self._path, params=dict(request.query_params), headers=_headers(request), timeout=timeout
                )
                answer = await stack.enter_async_context(asking)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise _unreachable(error) from error
            _open.add(answer)
            stack.callback(_open.discard, answer)
            headers = {name: answer.headers[name] for name in _TOLD if name in answer.headers}
            chunks = answer.content.iter_any()
            await StreamingResponse(chunks, answer.status, headers)(scope, receive, send)


def end_relayed() -> None:
    """As the gateway stops: an answer that would not end by itself ends."""
    for answer in list(_open):
        if answer.content_type == "text/event-stream":
            answer.content.feed_eof()


def _headers(request: Request) -> dict[str, str]:
    return {name: value for name in _PASSED_ON if (value := request.headers.get(name)) is not None}


def _unreachable(error: Exception) -> TallygateError:
    return TallygateError(
        "unavailable",
        f"the monitor cannot be reached: {type(error).__name__}",
        retry_after_s=2.0,
        tips=("Operators: check the monitor and TALLYGATE_MONITOR_URL; nothing is lost, events wait in Kafka.",),
    )
