"""Callers of a gateway: what they ask for, and what they are told."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import orjson

from services.gateway.headers import IDEMPOTENCY_HEADER
from services.gateway.inference.admission import Admitted
from services.gateway.inference.completing import CallerLeftError, Completing, Left, Sent
from shared.access import Caller
from shared.db.failures import RETRYABLE
from shared.errors import TallygateError
from shared.inferences import InferenceFailedError, Order
from tests.histories.database import TENANT
from tests.histories.history import Request
from tests.histories.processes import Place

ROUTE = "/v1/chat/completions"

_CALLER = Caller(TENANT, "k1", frozenset({"chat"}))


@dataclass(slots=True)
class Asked:
    """What became of one caller. told: an error type, "left", "begun" in the background, or None for a completion.
    attempt_id: the one that answered. answered_at is None while it waits, and for ever when its gateway died."""

    request: Request
    gateway: str
    asked_at: float
    answered_at: float | None = None
    told: str | None = None
    inference_id: UUID | None = None
    attempt_id: UUID | None = None


async def ask(place: Place, completing: Completing, asked: Asked) -> None:
    request, now = asked.request, place.life.now()
    body = orjson.dumps({"messages": [{"role": "user", "content": request.name}]})
    sent = Sent({IDEMPOTENCY_HEADER: request.name} if request.way == "keyed" else {}, ROUTE, body, None, _left(request))
    admitted = Admitted(body, None, now, now + timedelta(seconds=request.deadline_s), priority=request.priority)
    try:
        with completing.let_in(_CALLER, {}):
            if request.way == "background":
                begun = await completing.begin(_CALLER, sent, admitted, _Beginning())
                asked.told, asked.inference_id = "begun", begun.inference_id
            else:
                answer = await completing.complete(_CALLER, sent, admitted)
                asked.inference_id = answer.inference_id
                asked.attempt_id = UUID(orjson.loads(answer.body)["choices"][0]["message"]["content"])
    except InferenceFailedError as error:
        asked.told, asked.inference_id = error.failure.error_type, error.inference_id
    except TallygateError as error:
        asked.told = error.failure.error_type
    except CallerLeftError:
        asked.told = "left"
    except RETRYABLE:
        asked.told = "unavailable"
    asked.answered_at = asyncio.get_running_loop().time()


class _Beginning:
    """Its row is not needed here: the result is stored for whoever asks by the id."""

    async def keep(self, order: Order, inference_id: UUID) -> None: ...

    def hold(self, _order: Order, _inference_id: UUID) -> bool:
        return False

    async def drop(self, order: Order, inference_id: UUID) -> None: ...


def _left(request: Request) -> Left | None:
    if request.leaves_after_s is None:
        return None
    return lambda: asyncio.sleep(request.leaves_after_s or 0.0)
