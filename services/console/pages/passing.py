"""An answer of the gateway that comes bit by bit, passed on to a script of ours as it comes."""

from typing import Any

from starlette.responses import Response, StreamingResponse

from services.console.visit import Visit
from shared.client.requests import CANCELS

_KEPT = ("x-tallygate-inference-id", "x-tallygate-model", "content-type")


async def passed_on(visit: Visit, path: str, body: Any, accept: str) -> Response:
    """Whatever the gateway answers. When the browser leaves, so does the request, and with it the call of the model."""
    response = await visit.gateway.stream(path, body, {"accept": accept} | CANCELS)
    headers = {name: value for name in _KEPT if (value := response.headers.get(name)) is not None}

    async def chunks() -> Any:
        try:
            async for chunk in response.content.iter_any():
                yield chunk
        finally:
            response.close()

    return StreamingResponse(chunks(), response.status, headers)
