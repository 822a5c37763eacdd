"""From a behaviour to its plan: the one table that joins them."""

from collections.abc import Callable

from deploy.model_server import answer, faults, plan, streams, vector_wires
from deploy.model_server.behaviours import INVALID_REQUEST, REDIRECT_FOLLOWED
from deploy.model_server.call import Call, answer_plan, error_plan, later
from deploy.model_server.errors import ERRORS, invalid_request
from deploy.model_server.plan import Plan


def plan_call(call: Call) -> Plan:
    name = call.behaviour.name
    if name in ERRORS:
        return error_plan(call, call.error(name))
    return _SAME_FOR_ALL.get(name) or _PLANS[name](call)


def planned_behaviours() -> set[str]:
    return {*ERRORS, *_SAME_FOR_ALL, *_PLANS}


def _demo(call: Call) -> Plan:
    return answer_plan(call, call.echo)


def _demo_later(call: Call) -> Plan:
    return later(_demo(call), call.number)


def _demo_tokens(call: Call) -> Plan:
    return answer_plan(call, answer.many_words(call.question, call.seq, call.number))


def _demo_tools(call: Call) -> Plan:
    if (tool := call.question.tool) is None:
        return _demo(call)
    return answer_plan(call, answer.tool_answer(call.question, call.seq, tool, call.number))


def _demo_reasoning(call: Call) -> Plan:
    text = call.echo.text
    return answer_plan(call, answer.answer_text(call.question, call.seq, text, reasoning="Let me think about that."))


def _script(call: Call) -> Plan:
    if (scripted := call.scripted) is None:
        return error_plan(call, invalid_request("no scripted answer is left"))
    truncated = scripted.finish_reason == "length"
    planned = answer_plan(call, answer.answer_text(call.question, call.seq, scripted.text, truncated=truncated))
    return later(planned, scripted.delay_ms)


def _form(call: Call) -> Plan:
    return vector_wires.form_plan(call) or _demo(call)


def _vectors_only(call: Call) -> Plan:
    if call.wire.tells_text:
        return error_plan(call, invalid_request(f"{call.question.model} does not support chat"))
    return _demo(call)


def _flaky(call: Call) -> Plan:
    if call.earlier_calls < call.number:
        return error_plan(call, call.error("fault-503"))
    return _demo(call)


def _invalid_request(call: Call) -> Plan:
    return error_plan(call, call.problem or invalid_request("The request is invalid."))


_SAME_FOR_ALL = {
    "fault-404": faults.NOT_FOUND_PAGE,
    "fault-hang": plan.HANG,
    "fault-reset": plan.RESET,
    "fault-not-json": faults.SIGN_IN_PAGE,
}

_PLANS: dict[str, Callable[[Call], Plan]] = {
    "demo": _demo,
    "demo-delay": _demo_later,
    "demo-tokens": _demo_tokens,
    "demo-tools": _demo_tools,
    "demo-reasoning": _demo_reasoning,
    "demo-rate-count": streams.at_rate,
    "demo-silence": streams.silence,
    "script": _script,
    "flaky": _flaky,
    "fault-redirect": faults.redirect,
    "fault-slow-headers": _demo_later,
    "fault-slow-body": faults.slow_body,
    "fault-half-body": faults.half_body,
    "fault-no-choices": faults.no_choices,
    "fault-empty": faults.empty,
    "fault-broken-stream": faults.broken_stream,
    "fault-error-in-stream": faults.error_in_stream,
    "fault-huge": faults.huge,
    "fault-long-error": faults.long_error,
    **streams.PLANS,
    **dict.fromkeys(vector_wires.FORMS, _form),
    "demo-vectors-only": _vectors_only,
    INVALID_REQUEST.name: _invalid_request,
    REDIRECT_FOLLOWED.name: _demo,
}
