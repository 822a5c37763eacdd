"""An answer of the gateway that comes bit by bit, passed on as it comes."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
from starlette.responses import Response, StreamingResponse

from services.console.gateway_api import stranger
from services.console.visit import Visit
from shared.client import Answer, Problem, ProblemError
from shared.client.requests import CANCELS

_OF_ANSWERS = ("x-tallygate-inference-id", "x-tallygate-model", "content-type")
_OF_FILES = ("content-length", "content-disposition")


async def passed_on(visit: Visit, path: str, body: Any, accept: str) -> Response:
    """For a script of ours, whatever the gateway answers. When the browser leaves, so does the request, and with it the
    call of the model."""
    response = await visit.gateway.stream("POST", path, body, {"accept": accept} | CANCELS)
    return _streaming(response, _kept(response, _OF_ANSWERS))


async def downloaded(visit: Visit, path: str) -> Response:
    """A file that people wrote: a browser keeps it, and shows nothing of it here. Raises ProblemError."""
    response = await visit.gateway.stream("GET", path)
    if response.status != 200:
        answer = Answer(response.status, response.headers, await response.text(errors="replace"))
        raise ProblemError(Problem.parse(answer) or stranger(answer, f"GET {path}"))
    headers = {"content-disposition": "attachment"} | _kept(response, _OF_FILES)
    return _streaming(response, headers | {"content-type": "application/octet-stream"})


def _kept(response: aiohttp.ClientResponse, names: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name in names if (value := response.headers.get(name)) is not None}


def _streaming(response: aiohttp.ClientResponse, headers: Mapping[str, str]) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        try:
            async for chunk in response.content.iter_any():
                yield chunk
        finally:
            response.close()

    return StreamingResponse(chunks(), response.status, headers)
