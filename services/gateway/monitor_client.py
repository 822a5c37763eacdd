"""The monitor's API, called with the caller's own key, which the monitor checks again."""

from typing import NamedTuple

import aiohttp
from starlette.requests import Request

from shared.errors import TallygateError

_PASSED_ON = ("authorization", "x-api-key", "traceparent", "tracestate")


class MonitorAnswer(NamedTuple):
    status: int
    body: bytes
    content_type: str


async def ask_monitor(session: aiohttp.ClientSession, request: Request, path: str) -> MonitorAnswer:
    """What the monitor answers to GET `path`. Raises `unavailable` when it cannot be reached."""
    headers = {name: value for name in _PASSED_ON if (value := request.headers.get(name)) is not None}
    try:
        async with session.get(path, params=dict(request.query_params), headers=headers) as response:
            return MonitorAnswer(response.status, await response.read(), response.content_type)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise TallygateError(
            "unavailable",
            f"the monitor cannot be reached: {type(error).__name__}",
            retry_after_s=2.0,
            tips=("Operators: check the monitor and TALLYGATE_MONITOR_URL; nothing is lost, events wait in Kafka.",),
        ) from error
