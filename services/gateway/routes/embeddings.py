"""POST /v1/embeddings: OpenAI's form."""

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from services.gateway.answers import Embeddings
from services.gateway.edge import Completion
from services.gateway.gateway import gateway_of
from services.gateway.inference.embeddings import admit_embeddings
from services.gateway.inference.schemas import EmbeddingsBody
from services.gateway.routes.documented import documented
from shared.events import utc_now

router = APIRouter(tags=["inference"])

PATH = "/v1/embeddings"


async def hot(scope: Scope, receive: Receive, send: Send) -> None:
    """The route without FastAPI's layers, which only document it."""
    scope["route"] = _ROUTE
    response = await embeddings(Request(scope, receive))
    await response(scope, receive, send)


@router.post(PATH)
@documented(infers="asked", takes=EmbeddingsBody, gives=Embeddings)
async def embeddings(request: Request) -> Response:
    """One vector for each input, as numbers or, with `"encoding_format": "base64"`, as base64 of them."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    gateway.let_in(request, caller)
    sent = await gateway.sent(request, caller)
    admitted = admit_embeddings(sent.body, sent.headers, utc_now(), gateway.completing.deadlines)
    return Completion(await gateway.completing.complete(caller, sent, admitted))


_ROUTE = next(route for route in router.routes if isinstance(route, APIRoute))
