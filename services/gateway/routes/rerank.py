"""POST /v1/rerank and /v2/rerank: how well each of some documents answers a query."""

from fastapi import APIRouter, Request, Response

from services.gateway.answers.openai import Ranking
from services.gateway.edge import Completion
from services.gateway.gateway import gateway_of
from services.gateway.inference.rerank import admit_rerank
from services.gateway.inference.schemas import RerankBody
from services.gateway.routes.documented import documented
from shared.events import utc_now

router = APIRouter(tags=["inference"])


@router.post("/v1/rerank")
@documented(infers="asked", takes=RerankBody, gives=Ranking)
async def rerank(request: Request) -> Response:
    """`results`, the best first, each with the `index` of its document and its `relevance_score`."""
    gateway = gateway_of(request)
    caller, sent = await gateway.asked(request)
    admitted = admit_rerank(sent.body, sent.headers, utc_now(), gateway.completing.deadlines)
    return Completion(await gateway.completing.complete(caller, sent, admitted))


@router.post("/v2/rerank")
@documented(infers="asked", takes=RerankBody, gives=Ranking)
async def rerank_as_cohere(request: Request) -> Response:
    """The same, where clients of Cohere ask."""
    return await rerank(request)
