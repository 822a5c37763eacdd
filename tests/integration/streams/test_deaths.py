"""Whoever goes away in the middle of a stream: what its caller is told, and what the books say."""

import asyncio
import json
import signal

import pytest

from deploy.model_server.streams import rate_text
from tests.integration.streams.checking import add, is_all_of, only_attempt, sent_to
from tests.support.live import Api, Live
from tests.support.streaming import Told

ASKED = "who goes"
SLOWLY = "demo-rate-20-count-100"  # five seconds
ALL = rate_text(ASKED, 100)
CANCEL = {"x-tallygate-cancel-on-disconnect": "true"}


async def test_a_caller_that_leaves_changes_nothing_for_the_books(stack: Live, tenant: Api) -> None:
    model = await add(tenant, stack, "demo-rate-50-count-100")
    async with tenant.stream.opened(model, ASKED) as streaming:
        told = await streaming.until_text(100)
        streaming.leave()

    assert (await tenant.settled(told.inference_id))["state"] == "completed"
    attempt = await only_attempt(tenant, told)
    assert (attempt["outcome"], attempt["output_tokens"], attempt["usage"]["state"]) == ("succeeded", 100, "reported")
    entry = await sent_to(stack, tenant, told)
    assert (entry["finished"], entry["aborted_by_client"]) == (True, False)
    assert is_all_of(ALL, entry)


async def test_a_caller_that_leaves_and_wants_no_more_has_its_call_ended(stack: Live, tenant: Api) -> None:
    model = await add(tenant, stack, "demo-rate-50-count-9999")
    async with tenant.stream.opened(model, ASKED, headers=CANCEL) as streaming:
        told = await streaming.until_text(100)
        streaming.leave()

    assert (await tenant.settled(told.inference_id))["state"] == "cancelled"
    attempt = await only_attempt(tenant, told)
    assert (attempt["error"]["error_type"], attempt["usage"]["state"]) == ("cancelled", "estimated")
    assert attempt["output_tokens"] > 0
    entry = await sent_to(stack, tenant, told)
    assert (entry["finished"], entry["aborted_by_client"]) == (False, True)


@pytest.mark.timeout(150)
async def test_a_router_killed_in_the_middle_of_streams(stack: Live, tenant: Api) -> None:
    """What had begun is told as broken and not called again; what had not is answered by another router."""
    begun = await add(tenant, stack, "demo-rate-5-count-9999")
    silent = await add(tenant, stack, "fault-stream-silent-first", first_chunk_timeout_s=60, timeout_s=60)
    async with tenant.stream.opened(begun, ASKED) as streaming:
        before = len((await streaming.until_text()).text)
        waiting = asyncio.create_task(tenant.stream.ask(silent, ASKED))
        await _open_calls(stack, "fault-stream-silent-first", 1)

        stack.stack.signal_program("router", signal.SIGKILL)

        changed = await tenant.call("PATCH", f"/api/models/custom/{silent}", {"config": {"model": "demo"}})
        assert changed.status == 200, changed
        cut = await streaming.to_the_end()
    fresh = await waiting

    assert (cut.error_type, cut.looks_complete, cut.broken) == ("stream_broken", False, False)
    assert len(cut.text) >= before
    assert rate_text(ASKED, 9999).startswith(cut.text)
    timeline = await tenant.settled(cut.inference_id)
    assert (timeline["state"], timeline["error"]["error_type"]) == ("failed", "stream_broken")
    assert timeline["attempts"][0]["error"]["error_type"] == "router_lost"
    called = await stack.model_server.calls_of({one["attempt_id"] for one in timeline["attempts"]})
    assert called.total() == 1
    assert (fresh.text, fresh.whole) == (f"echo: {ASKED}", True)
    timeline = await tenant.settled(fresh.inference_id)
    assert (timeline["state"], timeline["delivery"], len(timeline["attempts"])) == ("completed", 2, 2)
    await asyncio.to_thread(stack.stack.wait_ready, "router")
    audit = await stack.command("audit", "--json", check=False)
    assert json.loads(audit.stdout)["balanced"], audit.stdout


async def _open_calls(stack: Live, behaviour: str, count: int) -> None:
    async with asyncio.timeout(20):
        while True:
            entries = (await stack.model_server.ledger())["entries"]
            running = [one for one in entries if one["behaviour"] == behaviour and one["body_bytes"] > 0
                       and not one["finished"] and not one["aborted_by_client"]]  # fmt: skip
            if len(running) >= count:
                return
            await asyncio.sleep(0.05)


@pytest.mark.timeout(150)
async def test_a_gateway_killed_in_the_middle_leaves_the_whole_answer_to_who_asks_again(
    stack: Live, tenant: Api
) -> None:
    model = await add(tenant, stack, SLOWLY)
    headers = {"idempotency-key": "killed in the middle"}
    async with tenant.stream.opened(model, ASKED, headers=headers) as streaming:
        await streaming.until_text(100)
        stack.stack.signal_program("gateway", signal.SIGKILL)
        cut = await streaming.to_the_end()
    await asyncio.to_thread(stack.stack.wait_ready, "gateway")

    again = await tenant.stream.ask(model, ASKED, headers=headers)

    assert (cut.broken, cut.looks_complete) == (True, False)
    assert (again.text, again.whole, again.inference_id) == (ALL, True, cut.inference_id)
    assert is_all_of(again.text, await sent_to(stack, tenant, again))


def same_chunks(one: Told, other: Told) -> bool:
    return json.dumps(one.chunks) == json.dumps(other.chunks)


async def test_a_key_gets_the_same_chunks_again(stack: Live, tenant: Api) -> None:
    model = await add(tenant, stack, "demo-rate-100-count-20")
    headers = {"idempotency-key": "once"}
    first = await tenant.stream.ask(model, ASKED, headers=headers)

    again = await tenant.stream.ask(model, ASKED, headers=headers)

    assert again.headers["idempotency-replayed"] == "true"
    assert (again.inference_id, again.whole) == (first.inference_id, True)
    assert same_chunks(first, again)
    assert is_all_of(again.text, await sent_to(stack, tenant, again))


async def test_who_asks_while_it_streams_follows_from_where_it_is(stack: Live, tenant: Api) -> None:
    model = await add(tenant, stack, SLOWLY)
    headers = {"idempotency-key": "followed"}
    async with tenant.stream.opened(model, ASKED, headers=headers) as leading:
        await leading.until_text(100)
        async with tenant.stream.opened(model, ASKED, headers=headers) as following:
            at_once = await following.until_text(100)
            assert not leading.told.done
            assert at_once.text == ALL[: len(at_once.text)]
            first, second = await asyncio.gather(leading.to_the_end(), following.to_the_end())

    assert first.inference_id == second.inference_id
    assert (first.text, second.text) == (ALL, ALL)
    assert first.whole
    assert second.whole
    await only_attempt(tenant, first)


async def test_a_broken_stream_is_repeated_as_broken(stack: Live, tenant: Api) -> None:
    model = await add(tenant, stack, "fault-stream-error-529")
    headers = {"idempotency-key": "broken"}
    first = await tenant.stream.ask(model, ASKED, headers=headers)

    again = await tenant.stream.ask(model, ASKED, headers=headers)

    assert (first.error_type, again.error_type) == ("overloaded", "overloaded")
    assert not again.looks_complete
    assert again.inference_id == first.inference_id
