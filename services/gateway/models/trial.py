"""One real completion by one model, active or not, on record like every other; and the probe of its endpoint."""

import time
from typing import Any, NamedTuple

import orjson

from services.gateway.inference.admission import Admitted
from services.gateway.inference.completing import Completing, Sent
from services.gateway.models.probe_steps import Step, failed_step
from shared.access import Caller
from shared.errors import Failure, TallygateError
from shared.events import RoutingOptions
from shared.inferences import Answer
from shared.wire import read_completion


class Trial(NamedTuple):
    """A trial that was answered; the last step is the answer. latency_s: of the completion."""

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
    """The trial brought no answer. cause: why. failure: as it is shown to the caller. steps: how far the trial came."""

    def __init__(self, cause: TallygateError, steps: tuple[Step, ...], failure: Failure | None = None) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.steps = steps
        self.failure = failure or cause.failure


class Question(NamedTuple):
    """sent: the request for the trial, to whose body an Idempotency-Key belongs. model: its id."""

    caller: Caller
    sent: Sent
    model: str
    message: str

    def admitted(self, completing: Completing) -> Admitted:
        """Without a limit of tokens: some models refuse a low one, others use it up with reasoning."""
        body = orjson.dumps({"messages": [{"role": "user", "content": self.message}]})
        return completing.admit_made(body, self.model, RoutingOptions(no_fallback=True, allow_inactive=True))


async def ask(completing: Completing, question: Question, steps: tuple[Step, ...]) -> Trial:
    """For a caller that has been let in. Raises TrialFailedError with `steps` and a failed answer step."""
    admitted = question.admitted(completing)
    started = time.monotonic()
    try:
        answer = await completing.complete(question.caller, question.sent, admitted)
    except TallygateError as error:
        step = failed_step("answer", error.failure, time.monotonic() - started)
        raise TrialFailedError(error, (*steps, step)) from None
    latency_s = time.monotonic() - started
    step = Step("answer", True, latency_s, f"{answer.model} answered a completion")
    return Trial((*steps, step), answer, latency_s)
