"""One call of a model, and the plain ways to plan its answer."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from deploy.model_server import answer, plan
from deploy.model_server.behaviours import Behaviour
from deploy.model_server.errors import ERRORS, ErrorAnswer
from deploy.model_server.plan import Piece, Plan
from deploy.model_server.question import Question
from deploy.model_server.scripts import ScriptedAnswer
from deploy.model_server.wire import Wire, in_utf8


@dataclass(frozen=True, slots=True)
class Call:
    """`earlier_calls` counts those with the same model and last user message; only `flaky` looks at it, and
    only `script` at `scripted`."""

    seq: int
    path: str
    wire: Wire
    question: Question
    behaviour: Behaviour
    key: str | None = None
    earlier_calls: int = 0
    problem: ErrorAnswer | None = None
    scripted: ScriptedAnswer | None = None

    @property
    def number(self) -> int:
        return self.behaviour.number

    @property
    def echo(self) -> answer.Answer:
        return answer.echo(self.question, self.seq)

    @property
    def headers(self) -> dict[str, str]:
        return {self.wire.request_id_header: f"req_{self.seq:012d}"}

    def error(self, name: str) -> ErrorAnswer:
        return ERRORS[name].worded(self.question.model, self.key, self.number)


def json_plan(call: Call, body: bytes, text: str = "") -> Plan:
    return plan.whole(200, plan.JSON, body, call.headers, in_utf8(text))


def stream_plan(call: Call, events: Iterable[Piece]) -> Plan:
    return Plan(200, {"content-type": plan.EVENT_STREAM, **call.headers}, events)


def answer_plan(call: Call, answered: answer.Answer) -> Plan:
    if call.question.stream and call.wire.tells_text:
        return stream_plan(call, call.wire.events(answered))
    return json_plan(call, call.wire.completion(answered), answered.text if call.wire.tells_text else "")


def error_plan(call: Call, error: ErrorAnswer) -> Plan:
    retry_after = {"retry-after": str(call.number)} if error.retry_after else {}
    return plan.whole(error.status, plan.JSON, call.wire.error(error), call.headers | retry_after)


def later(planned: Plan, delay_ms: int) -> Plan:
    return replace(planned, delay_s=delay_ms / 1000)
