"""Streams that break: before their first content another call answers, after it the caller is told, and so are the
books."""

from typing import Any

import pytest

from tests.integration.streams.checking import WIRES, Wire, add, only_attempt, sent_to, sha256
from tests.support.live import Api, Live
from tests.support.streaming import Told

ASKED = "one two three four five six"
# What a model does, and what its caller is told.
AFTER_CONTENT = {
    "fault-broken-stream": "stream_broken",
    "fault-stream-reset-mid": "stream_broken",
    "fault-stream-eof-mid": "stream_broken",
    "fault-stream-half-event": "stream_broken",
    "fault-stream-not-json": "stream_broken",
    "fault-stream-silent-mid": "read_timeout",
    "fault-error-in-stream": "server_error",
    "fault-stream-error-429": "rate_limited",
    "fault-stream-error-529": "overloaded",
    "fault-stream-error-text": "server_error",
    "fault-stream-error-plain": "server_error",
    "fault-stream-error-choice": "server_error",
    "fault-stream-error-then-done": "server_error",
}
BEFORE_CONTENT = {
    "fault-empty": "stream_broken",
    "fault-reset": "stream_broken",
    "fault-503": "overloaded",
    "fault-not-json": "bad_response",
    "fault-stream-reset-first": "stream_broken",
    "fault-stream-silent-first": "read_timeout",
    "fault-stream-only-comments": "read_timeout",
    "fault-stream-error-first": "server_error",
    "fault-no-choices": "bad_response",
}
_TRIES = 5
_HASTE: dict[str, Any] = {"first_chunk_timeout_s": 0.7, "idle_timeout_s": 0.7, "timeout_s": 20}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("behaviour", AFTER_CONTENT)
async def test_what_breaks_after_content_is_told_and_never_looks_complete(
    stack: Live, tenant: Api, behaviour: str, wire: Wire
) -> None:
    await add(tenant, stack, behaviour, wire, weight=1, **_HASTE)
    await add(tenant, stack, "demo")  # which must not go on with another's answer

    told = await _begun(tenant)

    assert (told.status, told.error_type, told.looks_complete, told.broken) == (
        200, AFTER_CONTENT[behaviour], False, False
    )  # fmt: skip
    assert told.error is not None
    assert told.error["inference_id"] == told.inference_id
    assert told.error["tips"]
    assert f"echo: {ASKED}".startswith(told.text)
    entry = await sent_to(stack, tenant, told)
    if behaviour != "fault-stream-not-json":  # that endpoint goes on after it
        assert sha256(told.text) == entry["text_sha256"]
    timeline = await tenant.settled(told.inference_id)
    assert (timeline["state"], timeline["error"]["error_type"]) == ("failed", told.error_type)
    attempt = await only_attempt(tenant, told)
    assert (attempt["outcome"], attempt["error"]["error_type"]) == ("failed", told.error_type)
    assert attempt["usage"]["state"] in ("estimated", "reported")
    assert attempt["output_tokens"] > 0


async def _begun(tenant: Api) -> Told:
    """A stream whose content came before its end: on a slow machine a router may get both at once, and then asks the
    next model."""
    for _ in range(_TRIES):
        told = await tenant.stream.ask_with_usage(None, ASKED)
        if not told.whole:
            break
    return told


@pytest.mark.parametrize("behaviour", BEFORE_CONTENT)
async def test_what_breaks_before_content_is_answered_by_the_next_candidate(
    stack: Live, tenant: Api, behaviour: str
) -> None:
    await add(tenant, stack, behaviour, weight=1, **_HASTE)
    good = await add(tenant, stack, "demo")

    told = await tenant.stream.ask(None, ASKED)

    assert (told.text, told.whole) == (f"echo: {ASKED}", True)
    timeline = await tenant.settled(told.inference_id)
    assert timeline["model_served"] == good
    *failed, served = timeline["attempts"]
    assert {attempt["error"]["error_type"] for attempt in failed} == {BEFORE_CONTENT[behaviour]}
    assert (served["model"], served["outcome"]) == (good, "succeeded")


@pytest.mark.parametrize("behaviour", ["fault-503", "fault-stream-error-first"])
async def test_an_error_before_content_is_an_answer_as_to_a_plain_call(
    stack: Live, tenant: Api, behaviour: str
) -> None:
    model = await add(tenant, stack, behaviour, **_HASTE)

    told = await tenant.stream.ask(model, ASKED)

    assert told.status == (503 if behaviour == "fault-503" else 502)
    assert told.error_type == BEFORE_CONTENT[behaviour]
    assert told.chunks == []


async def test_ten_megabytes_in_one_line_are_too_much(stack: Live, tenant: Api) -> None:
    model = await add(tenant, stack, "fault-huge-10", **_HASTE)

    told = await tenant.stream.ask(model, ASKED)

    assert (told.status, told.error_type, told.looks_complete) == (502, "bad_response", False)
