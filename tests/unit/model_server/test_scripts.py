import json
from typing import Any

import pytest

from deploy.model_server.scripts import MAX_SCRIPT_BYTES, MAX_SCRIPTS, ScriptedAnswer, Scripts
from tests.unit.model_server.client import Client, Reply

pytestmark = pytest.mark.asyncio


async def put(client: Client, *answers: dict[str, Any], name: str = "one") -> Reply:
    return await client.request("PUT", f"/scripts/{name}", body={"answers": answers})


async def told(client: Client, text: str, name: str = "one") -> str:
    answer = await client.openai(f"script-{name}", text)
    return str(answer.json["choices"][0]["message"]["content"]) if answer.status == 200 else str(answer.status)


async def test_the_first_answer_that_fits_and_has_uses_left_is_given(client: Client) -> None:
    stored = await put(
        client,
        {"when": "plan", "text": "the plan", "times": 1},
        {"when": "plan", "text": "another plan", "times": 1},
        {"when": "", "text": "anything"},
    )
    assert (stored.status, stored.json) == (200, {"model": "script-one"})
    assert [await told(client, text) for text in ("hi", "a plan", "plan", "plan")] == [
        "anything", "the plan", "another plan", "anything",
    ]  # fmt: skip


async def test_when_none_is_left_the_call_is_refused(client: Client) -> None:
    await put(client, {"when": "plan", "text": "the plan"})
    refused = await client.openai("script-one", "write")
    assert refused.status == 400
    assert refused.json["error"]["message"] == "no scripted answer is left"
    assert (await client.anthropic("script-unknown")).json["error"]["type"] == "invalid_request_error"
    assert client.summary["by_behaviour"] == {"script": 2}


async def test_all_messages_are_looked_at_and_told_afterwards(client: Client) -> None:
    await put(client, {"when": "be brief", "text": "yes"})
    messages = [{"role": "user", "content": "first"}, {"role": "assistant", "content": "no"}]
    await client.anthropic("script-one", "last", system="be brief")
    await client.request("POST", "/v1/chat/completions", body={"model": "script-one", "messages": messages})
    asked = (await client.request("GET", "/scripts/one")).json
    assert asked == {"asked": ["be brief\nlast", "first\nno"], "given": [0, None]}


async def test_an_answer_that_is_cut_says_so_on_both_wires(client: Client) -> None:
    await put(client, {"text": "half of", "finish_reason": "length"})
    assert (await client.openai("script-one")).json["choices"][0]["finish_reason"] == "length"
    assert (await client.anthropic("script-one")).json["stop_reason"] == "max_tokens"
    assert (await client.openai("script-one", stream=True)).events[-2]["choices"][0]["finish_reason"] == "length"


async def test_an_answer_may_take_its_time(client: Client) -> None:
    await put(client, {"text": "late", "delay_ms": 20})
    assert await told(client, "hi") == "late"


async def test_a_script_that_is_put_again_begins_anew(client: Client) -> None:
    for text in ("old", "new"):
        await put(client, {"text": text, "times": 1})
        assert [await told(client, "hi"), await told(client, "hi")] == [text, "400"]


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{}",
        "not JSON",
        '{"answers": [1]}',
        '{"answers": [{"when": 1}]}',
        '{"answers": [{"finish_reason": "tool_calls"}]}',
        '{"answers": [{"delay_ms": -1}]}',
        '{"answers": [{"delay_ms": true}]}',
        '{"answers": [{"times": "1"}]}',
        '{"answers": [{"txt": ""}]}',
    ],
)
async def test_a_script_that_cannot_be_read_is_refused(client: Client, body: str) -> None:
    assert (await client.request("PUT", "/scripts/one", data=body.encode())).status == 400
    assert (await client.request("GET", "/scripts/one")).status == 404


async def test_other_methods_and_names_are_refused(client: Client) -> None:
    assert (await client.request("DELETE", "/scripts/one")).status == 405
    assert (await put(client, name="a%20b")).status == 400


def script(text: str) -> bytes:
    return json.dumps({"answers": [{"text": text}]}).encode()


async def test_size_and_number_have_their_limits() -> None:
    scripts = Scripts()
    assert scripts.put("large", script("x" * MAX_SCRIPT_BYTES)) is not None
    for number in range(MAX_SCRIPTS + 1):
        assert scripts.put(f"n{number}", script("yes")) is None
    assert scripts.next("script-n0", "") is None
    assert scripts.next("script-n1", "") == ScriptedAnswer(text="yes")
