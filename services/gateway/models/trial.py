"""One real completion by one model, active or not, on record like every other; and the probe of its endpoint."""

import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request

from services.gateway.gateway import Gateway
from services.gateway.inference.admission import Admitted
from services.gateway.inference.inferences import Answer
from services.gateway.models.probe_steps import Step, failed_step
from shared.access import Caller
from shared.errors import Failure, TallygateError
from shared.events import RoutingOptions
from shared.wire import read_completion


class Trial(NamedTuple):
    """How it went; the steps end with the answer."""

    steps: tuple[Step, ...]
    answer: Answer
    latency_s: float

    def shown(self) -> dict[str, Any]:
        completion = orjson.loads(self.answer.body)
        return {
            "answer": read_completion(completion).text,
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


def let_in(gateway: Gateway, question: Question) -> AbstractContextManager[None]:
    """One place for all that a trial does, its probe included. Raises TallygateError when there is none."""
    return gateway.let_in(question.caller, _admitted(gateway, question))


async def ask(gateway: Gateway, question: Question, steps: tuple[Step, ...]) -> Trial:
    """For who has been let in. Raises TrialFailedError with `steps` and the failed answer."""
    admitted = _admitted(gateway, question)
    started = time.monotonic()
    try:
        answer = await gateway.complete_within(question.request, question.caller, admitted, question.sent)
    except TallygateError as error:
        step = failed_step("answer", error.failure, time.monotonic() - started)
        raise TrialFailedError(error, (*steps, step)) from None
    latency_s = time.monotonic() - started
    step = Step("answer", True, latency_s, f"{answer.model} answered a completion")
    return Trial((*steps, step), answer, latency_s)


def _admitted(gateway: Gateway, question: Question) -> Admitted:
    """Without a limit to the answer: some models refuse a low one, others think it away before the first word."""
    now = datetime.now(UTC)
    return Admitted(
        body=orjson.dumps({"messages": [{"role": "user", "content": question.message}]}),
        model=question.model,
        accepted_at=now,
        deadline_at=now + timedelta(seconds=gateway.settings.default_deadline_s),
        options=RoutingOptions(no_fallback=True, allow_inactive=True),
    )
