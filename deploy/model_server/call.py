"""One call of a model, and the plain ways to plan its answer."""

from dataclasses import dataclass, replace

from deploy.model_server import answer, http1, plan
from deploy.model_server.behaviours import Behaviour
from deploy.model_server.errors import ERRORS, ErrorAnswer
from deploy.model_server.plan import Plan
from deploy.model_server.question import Question
from deploy.model_server.scripts import ScriptedAnswer
from deploy.model_server.wire import Wire


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
    def request_id(self) -> tuple[str, object]:
        return self.wire.request_id_header, f"req_{self.seq:012d}"

    def error(self, name: str) -> ErrorAnswer:
        return ERRORS[name].worded(self.question.model, self.key, self.number)


def json_plan(call: Call, status: int, body: bytes, *headers: tuple[str, object]) -> Plan:
    return plan.whole(status, http1.JSON, body, call.request_id, *headers)


def stream_plan(call: Call, events: list[bytes]) -> Plan:
    head = http1.chunked_head(200, http1.EVENT_STREAM, call.request_id)
    return Plan(200, b"".join([head, *http1.chunks(events), http1.LAST_CHUNK]))


def answer_plan(call: Call, told: answer.Answer) -> Plan:
    if call.question.stream:
        return stream_plan(call, call.wire.events(told))
    return json_plan(call, 200, call.wire.completion(told))


def error_plan(call: Call, error: ErrorAnswer) -> Plan:
    retry_after: list[tuple[str, object]] = [("retry-after", call.number)] if error.retry_after else []
    return json_plan(call, error.status, call.wire.error(error), *retry_after)


def later(planned: Plan, delay_ms: int) -> Plan:
    return replace(planned, delay_s=delay_ms / 1000)
