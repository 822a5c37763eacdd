import asyncio
import time

import aiohttp
import pytest

from tests.unit.model_server.client import (
    ANTHROPIC_PATH,
    OPENAI_PATH,
    Client,
    chat_body,
    raw_exchange,
    raw_request,
    until,
)

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
@pytest.mark.parametrize(
    ("key", "status", "behaviour"),
    [
        ("sk-invalid-abcdefgh", 401, "fault-401"),
        ("sk-forbidden-abcdefgh", 403, "fault-403"),
        ("other", 200, "demo"),
    ],
)
async def test_the_key_decides_first(client: Client, header: str, key: str, status: int, behaviour: str) -> None:
    headers = {header: f"Bearer {key}" if header == "authorization" else key}
    assert (await client.openai("demo", headers=headers)).status == status
    assert (await client.anthropic("demo", headers=headers)).status == status
    assert (await client.request("GET", "/v1/models", headers=headers)).status == status
    assert client.summary["by_behaviour"] == {behaviour: 2}


async def test_a_401_shows_a_part_of_the_key(client: Client) -> None:
    headers = {"authorization": "Bearer sk-invalid-abcdefgh"}
    openai = (await client.openai("demo", headers=headers)).json
    anthropic = (await client.anthropic("demo", headers=headers)).json
    assert openai["error"]["message"].startswith("Incorrect API key provided: sk-inv****.")
    assert anthropic == {
        "type": "error",
        "error": {"type": "authentication_error", "message": "invalid x-api-key: sk-inv****"},
    }


async def test_a_429_names_its_wait(client: Client) -> None:
    assert (await client.openai("fault-429")).headers["retry-after"] == "1"
    assert (await client.openai("fault-429-30")).headers["retry-after"] == "30"
    assert "retry-after" not in (await client.openai("fault-429-quota")).headers


async def test_a_404_page_is_not_json(client: Client) -> None:
    reply = await client.openai("fault-404")
    assert (reply.status, reply.headers["content-type"]) == (404, "text/html; charset=utf-8")


async def test_a_redirect_that_is_followed_is_in_the_ledger(client: Client) -> None:
    reply = await client.openai("fault-redirect")
    assert (reply.status, reply.headers["location"]) == (307, "/elsewhere/v1/chat/completions")
    await client.request("POST", reply.headers["location"], body=chat_body("fault-redirect"))
    assert [entry["behaviour"] for entry in client.entries] == ["fault-redirect", "redirect-followed"]


async def test_flaky_counts_by_model_and_message(client: Client) -> None:
    asked = [("flaky-2", "a"), ("flaky-2", "b"), ("flaky-2", "a"), ("flaky-1", "a"), ("flaky-2", "a")]
    assert [(await client.openai(*question)).status for question in asked] == [503, 503, 503, 503, 200]
    await client.request("DELETE", "/ledger")
    assert (await client.openai("flaky-2", "a")).status == 503


async def test_an_answer_without_choices_or_content(client: Client) -> None:
    assert "choices" not in (await client.openai("fault-no-choices")).json
    assert "content" not in (await client.anthropic("fault-no-choices")).json
    first, done = (await client.openai("fault-no-choices", stream=True)).events
    assert ("choices" in first, done) == (False, "[DONE]")
    events = (await client.anthropic("fault-no-choices", stream=True)).events
    assert [event["type"] for event in events] == ["message_start", "message_delta", "message_stop"]


@pytest.mark.parametrize("stream", [False, True])
async def test_answers_that_are_not_json(client: Client, stream: bool) -> None:
    assert (await client.openai("fault-empty", stream=stream)).body == b""
    page = await client.openai("fault-not-json", stream=stream)
    assert (page.status, page.body[:6]) == (200, b"<html>")


async def test_a_reset_comes_before_any_byte(client: Client) -> None:
    with pytest.raises(ConnectionResetError):
        await raw_exchange(client.server, raw_request("fault-reset"))
    entry = client.last_entry
    assert (entry["status"], entry["finished"], entry["aborted_by_client"]) == (None, False, False)


async def test_half_a_body(client: Client) -> None:
    head, _, body = (await raw_exchange(client.server, raw_request("fault-half-body"))).partition(b"\r\n\r\n")
    promised = int(head.split(b"content-length: ")[1].split()[0])
    assert len(body) == promised // 2
    assert (client.last_entry["status"], client.last_entry["finished"]) == (200, False)


async def test_a_broken_stream_tells_some_and_never_ends(client: Client) -> None:
    received = await raw_exchange(client.server, raw_request("fault-broken-stream", "a b c", stream=True))
    assert b'"content":"echo: "' in received
    assert b"[DONE]" not in received
    assert not received.endswith(b"0\r\n\r\n")
    assert (client.last_entry["status"], client.last_entry["finished"]) == (200, False)


async def test_a_broken_stream_breaks_for_its_reader(client: Client) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.anthropic("fault-broken-stream", stream=True)


async def test_an_error_in_a_stream(client: Client) -> None:
    openai = (await client.openai("fault-error-in-stream", stream=True)).events
    anthropic = (await client.anthropic("fault-error-in-stream", stream=True)).events
    assert openai[-1]["error"]["type"] == "server_error"
    assert anthropic[-1] == {
        "type": "error",
        "error": {"type": "api_error", "message": "Internal server error"},
    }
    assert (await client.openai("fault-error-in-stream")).status == 500


@pytest.mark.parametrize("model", ["demo-delay-80", "fault-slow-headers-80", "fault-slow-body-80"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_slow_answer_is_whole(client: Client, model: str, stream: bool) -> None:
    started = time.monotonic()
    reply = await client.openai(model, stream=stream)
    assert time.monotonic() - started >= 0.08
    assert reply.events[-1] == "[DONE]" if stream else reply.json["choices"]


async def test_a_slow_body_sends_its_headers_at_once(client: Client) -> None:
    url = client.server.origin + OPENAI_PATH
    async with (
        asyncio.timeout(30),
        client.session.post(url, json=chat_body("fault-slow-body-60000")) as response,
    ):
        assert response.status == 200
        response.close()
    await until(lambda: client.last_entry["aborted_by_client"])
    assert (client.last_entry["status"], client.last_entry["finished"]) == (200, False)


async def test_a_hang_lasts_until_the_client_goes(client: Client) -> None:
    url = client.server.origin + OPENAI_PATH
    hanging = asyncio.create_task(client.session.post(url, json=chat_body("fault-hang")))
    await until(lambda: client.summary["open"] == 1)
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    await until(lambda: client.summary["open"] == 0)
    entry = client.last_entry
    assert (entry["status"], entry["finished"], entry["aborted_by_client"]) == (None, False, True)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_huge_answer_is_well_formed_and_exactly_as_long(client: Client, stream: bool) -> None:
    reply = await client.openai("fault-huge-2", stream=stream)
    assert len(reply.body) == 2 * 1024 * 1024
    content = reply.events[1]["choices"][0]["delta"] if stream else reply.json["choices"][0]["message"]
    assert set(content["content"]) == {"x"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model": "demo"}', b'{"messages": [{}]}'])
@pytest.mark.parametrize("path", [OPENAI_PATH, ANTHROPIC_PATH])
async def test_a_body_that_is_no_request(client: Client, path: str, body: bytes) -> None:
    reply = await client.request("POST", path, data=body)
    assert (reply.status, reply.json["error"]["type"]) == (400, "invalid_request_error")
    assert client.summary["by_behaviour"] == {"invalid-request": 1}


async def test_anthropic_wants_its_version_and_max_tokens(client: Client) -> None:
    reply = await client.request("POST", ANTHROPIC_PATH, body=chat_body("demo", max_tokens=1))
    assert reply.json["error"]["message"] == "anthropic-version: header is required"
    headers = {"anthropic-version": "2023-06-01"}
    reply = await client.request("POST", ANTHROPIC_PATH, body=chat_body("demo"), headers=headers)
    assert reply.json["error"]["message"] == "max_tokens: Field required"


async def test_text_that_is_not_valid_unicode_is_echoed(client: Client) -> None:
    reply = await client.openai("demo", "\ud800")
    assert reply.json["choices"][0]["message"]["content"] == "echo: \ud800"
