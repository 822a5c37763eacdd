"""One real completion by one model, active or not, on record like every other; and the probe of its endpoint."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request

from services.gateway.admission import Admitted
from services.gateway.codebase import message_of
from services.gateway.gateway import Gateway
from services.gateway.inferences import Answer
from services.gateway.probe_steps import Step, failed_step
from shared.access import Caller
from shared.errors import Failure, TallygateError
from shared.events import RoutingOptions

_MAX_TOKENS = 16


class Trial(NamedTuple):
    """How it went; the steps end with the answer."""

    steps: tuple[Step, ...]
    answer: Answer
    latency_s: float

    def shown(self) -> dict[str, Any]:
        completion = orjson.loads(self.answer.body)
        return {
            "answer": message_of(completion),
            "latency_s": self.latency_s,
            "inference_id": str(self.answer.inference_id),
            "usage": completion.get("usage"),
            "attempts": self.answer.attempts,
            "steps": [step.shown() for step in self.steps],
        }


class TrialFailedError(Exception):
    """It did not come to an answer; `cause` says why, `told` in which words, and the steps how far it came."""

    def __init__(self, cause: TallygateError, steps: tuple[Step, ...], told: Failure | None = None) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.steps = steps
        self.told = told or cause.failure


class Question(NamedTuple):
    """model: its id. sent: the request's body, to which an Idempotency-Key belongs."""

    request: Request
    caller: Caller
    model: str
    message: str
    sent: bytes


async def ask(gateway: Gateway, question: Question, steps: tuple[Step, ...]) -> Trial:
    """Raises TrialFailedError with `steps` and the failed answer."""
    started = time.monotonic()
    try:
        answer = await gateway.complete(question.request, question.caller, _admitted(gateway, question), question.sent)
    except TallygateError as error:
        step = failed_step("answer", error.failure, time.monotonic() - started)
        raise TrialFailedError(error, (*steps, step)) from None
    latency_s = time.monotonic() - started
    step = Step("answer", True, latency_s, f"{answer.model} answered a completion")
    return Trial((*steps, step), answer, latency_s)


def _admitted(gateway: Gateway, question: Question) -> Admitted:
    now = datetime.now(UTC)
    messages = [{"role": "user", "content": question.message}]
    return Admitted(
        body=orjson.dumps({"messages": messages, "max_tokens": _MAX_TOKENS}),
        model=question.model,
        accepted_at=now,
        deadline_at=now + timedelta(seconds=gateway.settings.default_deadline_s),
        options=RoutingOptions(no_fallback=True, allow_inactive=True),
    )
