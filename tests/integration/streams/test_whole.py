"""Streams that are whole, in whatever form the endpoint writes them."""

import pytest

from deploy.model_server.behaviours import BEHAVIOURS
from tests.integration.streams.checking import WIRES, Wire, add, is_all_of, only_attempt, sent_to
from tests.support.live import Api, Live

ASKED = "one two three"
ANSWER = f"echo: {ASKED}"
BOTH_WIRES = pytest.mark.parametrize("wire", WIRES)
_NOT_WHOLE = ("reset", "eof", "half", "silent", "only", "not", "error", "unasked")
_ODD = [row.model for row in BEHAVIOURS if row.model.startswith("fault-stream-")]
WHOLE = [model for model in _ODD if not model.removeprefix("fault-stream-").startswith(_NOT_WHOLE)]


@BOTH_WIRES
async def test_a_stream_is_told_as_it_was_sent_and_booked(stack: Live, tenant: Api, wire: Wire) -> None:
    model = await add(tenant, stack, "demo", wire)

    told = await tenant.stream.ask(model, ASKED)

    assert (told.status, told.text, told.finish_reasons, told.done) == (200, ANSWER, ["stop"], True)
    assert (told.error, told.broken, told.usages) == (None, False, [])
    assert len({chunk["id"] for chunk in told.chunks}) == 1
    assert is_all_of(told.text, await sent_to(stack, tenant, told))
    timeline = await tenant.settled(told.inference_id)
    assert (timeline["state"], timeline["model_served"]) == ("completed", model)
    [attempt] = timeline["attempts"]
    assert (attempt["outcome"], attempt["usage"]["state"]) == ("succeeded", "reported")
    assert (attempt["input_tokens"], attempt["output_tokens"]) == (3, 4)
    assert 0 < attempt["first_chunk_s"] <= attempt["duration_s"]


@BOTH_WIRES
async def test_the_usage_is_told_to_who_asks_for_it(stack: Live, tenant: Api, wire: Wire) -> None:
    model = await add(tenant, stack, "demo", wire)

    told = await tenant.stream.ask_with_usage(model, ASKED)

    assert told.whole
    assert [(usage["prompt_tokens"], usage["completion_tokens"]) for usage in told.usages] == [(3, 4)]
    assert told.chunks[-1]["choices"] == []


@BOTH_WIRES
@pytest.mark.parametrize("behaviour", WHOLE)
async def test_an_odd_form_changes_nothing_for_the_caller(stack: Live, tenant: Api, behaviour: str, wire: Wire) -> None:
    model = await add(tenant, stack, behaviour, wire)

    told = await tenant.stream.ask_with_usage(model, ASKED)

    assert told.text.startswith(ANSWER)
    assert (told.finish_reasons, told.done, told.error) == (["stop"], True, None)
    assert len(told.usages) == 1
    assert is_all_of(told.text, await sent_to(stack, tenant, told))
    assert (await only_attempt(tenant, told))["usage"]["state"] == "reported"


@BOTH_WIRES
async def test_a_tool_call_and_what_the_model_thought_come_in_parts(stack: Live, tenant: Api, wire: Wire) -> None:
    thinking = await add(tenant, stack, "demo-reasoning", wire)
    calling = await add(tenant, stack, "demo-tools-2", wire)
    function = {"name": "f", "parameters": {"type": "object", "required": ["x"], "properties": {"x": {}}}}

    thought = await tenant.stream.ask(thinking, ASKED)
    called = await tenant.stream.ask(calling, ASKED, tools=[{"type": "function", "function": function}])

    deltas = [choice["delta"] for chunk in thought.chunks for choice in chunk["choices"]]
    assert "".join(delta.get("reasoning_content") or "" for delta in deltas) == "Let me think about that."
    assert (thought.text, thought.whole) == (ANSWER, True)
    parts = [call for chunk in called.chunks for choice in chunk["choices"]
             for call in choice["delta"].get("tool_calls", [])]  # fmt: skip
    arguments = ["".join(part["function"]["arguments"] for part in parts if part["index"] == n) for n in (0, 1)]
    assert arguments == [f'{{"x": "{ASKED}"}}'] * 2
    assert (called.finish_reasons, called.done) == (["tool_calls"], True)


async def test_several_choices_are_told_each_with_its_end(stack: Live, tenant: Api) -> None:
    model = await add(tenant, stack, "demo")

    told = await tenant.stream.ask(model, ASKED, n=2)

    assert [told.text_of(index) for index in (0, 1)] == [ANSWER] * 2
    assert told.finish_reasons == ["stop"] * 2


async def test_a_stream_that_nobody_asked_for_is_the_answer_that_it_adds_up_to(stack: Live, tenant: Api) -> None:
    model = await add(tenant, stack, "fault-stream-unasked")

    answer = await tenant.chat(model, ASKED)

    assert (answer.status, answer.body["choices"][0]["message"]["content"]) == (200, ANSWER)


async def test_silence_is_told_to_the_caller_by_nothing_that_its_client_minds(stack: Live, tenant: Api) -> None:
    model = await add(tenant, stack, "demo-silence-1500")

    told = await tenant.stream.ask(model, ASKED)

    assert (told.text, told.whole) == (ANSWER, True)
