"""Dead letters, for operators: what could not be handled, of all tenants, and again."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field

from services.gateway.answers.monitoring import DeadLetters, ReplayedLetters
from services.gateway.bodies import Query, StrictBody, validated
from services.gateway.edge import json_response
from services.gateway.gateway import gateway_of
from services.gateway.routes.documented import documented
from services.gateway.tenants.changes import changed_by
from shared.kafka.dead_letters.letter import DeadLetterId, dead_letter_sources

router = APIRouter(tags=["monitoring"])

_MOST_REPLAYED = 100
_Text = Annotated[str, Field(min_length=1, max_length=200)]


class DeadLettersQuery(Query):
    """topic: whose dead letters; those of all when it is left out. limit: of each topic, the newest."""

    topic: _Text | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class Replay(StrictBody):
    """ids: as the list names them."""

    ids: Annotated[list[_Text], Field(min_length=1, max_length=_MOST_REPLAYED)]


@router.get("/api/dead-letters")
@documented(query=DeadLettersQuery, gives=DeadLetters)
async def dead_letters(request: Request) -> Response:
    """For operators: messages that could not be handled, the newest of each topic, with the reason; of all tenants, and
    never what was sent. They are kept for 14 days."""
    gateway = gateway_of(request)
    await gateway.caller(request, "admin")
    query = validated(DeadLettersQuery, dict(request.query_params))
    sources = dead_letter_sources(query.topic, gateway.settings.kafka.ingress.topics)
    return json_response({"topics": await gateway.dead_letters.newest(sources, query.limit)})


@router.post("/api/dead-letters/replay")
@documented(takes=Replay, gives=ReplayedLetters)
async def replay(request: Request) -> Response:
    """Publishes dead letters again where they came from, as they were; they stay where they are, too. What fails again
    comes back as a new one. Who did it is on record under changes, before the first is published."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "admin")
    body = await gateway.body(request, caller, Replay)
    ingress = gateway.settings.kafka.ingress.topics
    wanted = list(dict.fromkeys(DeadLetterId.parse(each, ingress) for each in body.ids))
    subject = ", ".join(sorted({letter_id.topic for letter_id in wanted}))
    change = changed_by(caller, "dead_letters.replayed", subject, ids=[str(letter_id) for letter_id in wanted])
    await gateway.tenants.record(change)
    return json_response({"replayed": await gateway.dead_letters.replay(wanted)})
