"""The whole tree of one inference, as a real OTLP receiver gets it."""

import asyncio
import secrets

from tests.support.live import SETTLE_S, Api, Live
from tests.support.otlp import ReceivedSpan

_SERVER, _CLIENT, _PRODUCER, _CONSUMER = 2, 3, 4, 5


async def test_the_trace_goes_from_the_caller_to_the_model_and_the_books(stack: Live, tenant: Api) -> None:
    bad = await tenant.add_model("bad", stack.model_server_url, "fault-401")
    good = await tenant.add_model("good", stack.model_server_url)
    trace_id, caller_span = secrets.token_hex(16), secrets.token_hex(8)

    answer = await tenant.chat(None, headers={"traceparent": f"00-{trace_id}-{caller_span}-01"})

    assert answer.status == 200
    spans = await _whole_trace(stack, trace_id, expected=13)
    tree = {(span.service, span.name): span for span in spans}
    server = tree["tallygate-gateway", "POST /v1/chat/completions"]
    asked = tree["tallygate-gateway", "send inference.requests.v1"]
    work = tree["tallygate-router", "process inference.requests.v1"]
    assert (server.parent_id, server.kind) == (caller_span, _SERVER)
    assert (asked.parent_id, asked.kind) == (server.span_id, _PRODUCER)
    assert (work.parent_id, work.kind) == (asked.span_id, _CONSUMER)
    calls = [span for span in spans if span.kind == _CLIENT]
    assert [call.name for call in calls] == ["chat fault-401", "chat demo"]
    assert {call.parent_id for call in calls} == {work.span_id}
    _are_told_apart(calls, bad, good)
    inference_id = answer.headers["x-tallygate-inference-id"]
    assert (await tenant.settled(inference_id))["trace_id"] == trace_id
    outcomes = [span for span in spans if span.name == "send inference.outcomes.v1"]
    booked = [span for span in spans if span.name == "process inference.outcomes.v1"]
    assert {span.service for span in booked} == {"tallygate-monitor"}
    assert {span.parent_id for span in booked} == {span.span_id for span in outcomes}
    assert not any("replies" in span.name for span in spans), "the reply went by the lane, which has no spans"
    assert {span.parent_id for span in spans} <= {span.span_id for span in spans} | {caller_span}


def _are_told_apart(calls: list[ReceivedSpan], bad: str, good: str) -> None:
    failed, succeeded = calls
    assert failed.failed
    assert failed.attributes["error.type"] == "authentication_failed"
    assert failed.attributes["tallygate.model.id"] == bad
    assert not succeeded.failed
    assert succeeded.attributes["tallygate.model.id"] == good
    assert succeeded.attributes["gen_ai.operation.name"] == "chat"
    assert succeeded.attributes["gen_ai.provider.name"] == "openai"
    assert succeeded.attributes["gen_ai.request.model"] == "demo"
    assert succeeded.attributes["gen_ai.response.model"] == "demo"
    assert succeeded.attributes["gen_ai.usage.output_tokens"] > 0
    assert succeeded.attributes["server.address"] == "127.0.0.1"


async def _whole_trace(stack: Live, trace_id: str, expected: int) -> list[ReceivedSpan]:
    """gateway 2 (server, send), router 7 (process, 2 calls, send 2 starts, 2 words), monitor 4;
    the exporters send in batches, so wait until no more come."""
    async with asyncio.timeout(SETTLE_S):
        while len(stack.otlp.trace(trace_id)) < expected:  # noqa: ASYNC110 - the receiver is a thread
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)
    return stack.otlp.trace(trace_id)
