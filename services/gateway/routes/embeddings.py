"""POST /v1/embeddings: OpenAI's form."""

from fastapi import APIRouter, Request, Response

from services.gateway.answers.openai import Embeddings
from services.gateway.edge import Completion
from services.gateway.gateway import gateway_of
from services.gateway.inference.embeddings import admit_embeddings
from services.gateway.inference.schemas import EmbeddingsBody
from services.gateway.routes.documented import documented
from shared.events import utc_now

router = APIRouter(tags=["inference"])

PATH = "/v1/embeddings"


@router.post(PATH)
@documented(infers="asked", takes=EmbeddingsBody, gives=Embeddings)
async def embeddings(request: Request) -> Response:
    """One vector for each input, as numbers or, with `"encoding_format": "base64"`, as base64 of them."""
    gateway = gateway_of(request)
    caller, sent = await gateway.asked(request)
    admitted = admit_embeddings(sent.body, sent.headers, utc_now(), gateway.completing.deadlines)
    return Completion(await gateway.completing.complete(caller, sent, admitted))
