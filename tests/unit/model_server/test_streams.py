"""Streams as they are on the wire, read by the gateway's own readers, and what the ledger says of them."""

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import aiohttp
import orjson
import pytest

from deploy.model_server.behaviours import BEHAVIOURS
from deploy.model_server.streams import BEYOND_ASCII, rate_text
from shared.wire.chat_by_messages.stream import AnthropicStream
from shared.wire.plain.chat_stream import OpenAIStream
from shared.wire.reading.server_events import ServerEvent, ServerEvents
from shared.wire.reading.streams import (
    BrokenStreamError,
    Chunk,
    ErrorInStreamError,
    StreamReader,
    StreamSoFar,
    choices_of,
)
from tests.unit.model_server.client import OPENAI_PATH, Client, Reply, chat_body, until

pytestmark = pytest.mark.asyncio

ASKED = "one two three"
ANSWER = f"echo: {ASKED}"
WIRES = pytest.mark.parametrize("wire", ["openai", "anthropic"])


class Heard(NamedTuple):
    """The text that came, why it ended, and whether what came is whole."""

    text: str
    error: Exception | None
    so_far: StreamSoFar


async def stream(client: Client, wire: str, model: str, **fields: Any) -> Reply:
    ask = client.openai if wire == "openai" else client.anthropic
    return await ask(model, ASKED, stream=True, **fields)


def hear(wire: str, body: bytes) -> Heard:
    reader: StreamReader = OpenAIStream() if wire == "openai" else AnthropicStream()
    text, error = "", None
    try:
        for event in _events(body):
            text += "".join(map(_text_of, reader.chunks(event)))
    except (BrokenStreamError, ErrorInStreamError) as caught:
        error = caught
    return Heard(text, error, reader.so_far)


def _events(body: bytes) -> Iterator[ServerEvent]:
    events = ServerEvents(1024 * 1024)
    yield from events.read(body)
    last = events.end()
    if last is not None:
        yield last


def _text_of(chunk: Chunk) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in choices_of(orjson.loads(chunk.data)))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


NOT_WHOLE = ("reset", "eof", "half", "silent", "only-comments", "not-json", "error")
STREAMS = [row.model for row in BEHAVIOURS if row.model.startswith("fault-stream-")]
WHOLE = [
    model for model in STREAMS
    if not model.startswith(tuple(f"fault-stream-{kind}" for kind in NOT_WHOLE)) and model != "fault-stream-as-json"
]  # fmt: skip


@WIRES
@pytest.mark.parametrize("model", ["demo", "demo-silence-5", "demo-reasoning", *WHOLE])
async def test_a_stream_in_an_odd_form_is_whole(client: Client, wire: str, model: str) -> None:
    reply = await stream(client, wire, model)

    heard = hear(wire, reply.body)
    expected = f"{ANSWER} {BEYOND_ASCII}" if model.endswith("characters") else ANSWER
    assert (heard.text, heard.error, heard.so_far.whole) == (expected, None, True)
    entry = client.last_entry
    assert (entry["finished"], entry["body_bytes"]) == (True, len(reply.body))
    assert (entry["text_bytes"], entry["text_sha256"]) == (len(expected.encode()), sha256(expected))


@WIRES
@pytest.mark.parametrize("model", [model for model in STREAMS if "-usage-" in model])
async def test_the_usage_may_come_at_any_place(client: Client, wire: str, model: str) -> None:
    usage = hear(wire, (await stream(client, wire, model)).body).so_far.usage
    # Nobody reads a usage in a content block of the Anthropic wire: there the first word of it stays.
    expected = 1 if (wire, model) == ("anthropic", "fault-stream-usage-with-content") else 4
    assert (usage.input_tokens, usage.output_tokens) == (3, expected)


@pytest.mark.parametrize(
    ("model", "last"),
    [
        ("fault-stream-no-done", b'"total_tokens":7}}\n\n'),
        ("fault-stream-usage-late", b'"total_tokens":7}}\n\n'),
        ("fault-stream-usage-early", b'"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'),
        ("fault-stream-crlf", b"data: [DONE]\r\n\r\n"),
        ("fault-stream-cr", b"data: [DONE]\r\r"),
        ("fault-stream-comments", b"data: [DONE]\n:within\n\n"),
    ],
)
async def test_how_an_odd_form_ends(client: Client, model: str, last: bytes) -> None:
    body = (await stream(client, "openai", model)).body
    assert body.endswith(last)
    assert (b"[DONE]" in body) == (model != "fault-stream-no-done")


@pytest.mark.parametrize("model", ["fault-stream-drip", "fault-stream-split-characters", "fault-stream-one-packet"])
async def test_what_comes_in_one_packet(client: Client, model: str) -> None:
    packets = []
    async with client.session.post(
        client.server.origin + OPENAI_PATH, json=chat_body(model, ASKED, stream=True)
    ) as response:
        packets = [data async for data, _ in response.content.iter_chunks() if data]
    if model == "fault-stream-one-packet":
        assert len(packets) == 1
    elif model == "fault-stream-drip":
        assert b"\n" in b"".join(packets)
        assert len(packets) > 10
    else:
        assert any(_ends_within_a_character(packet) for packet in packets)


def _ends_within_a_character(packet: bytes) -> bool:
    try:
        packet.decode()
    except UnicodeDecodeError:
        return True
    return False


@WIRES
async def test_who_asks_for_no_stream_gets_an_answer(client: Client, wire: str) -> None:
    ask = client.openai if wire == "openai" else client.anthropic
    for model in STREAMS:
        body = (await ask(model, ASKED)).body
        if model == "fault-stream-unasked":
            assert hear(wire, body).text == ANSWER
        else:
            assert ANSWER in json.dumps(json.loads(body))


@WIRES
async def test_json_where_a_stream_was_asked_for(client: Client, wire: str) -> None:
    reply = await stream(client, wire, "fault-stream-as-json")
    assert reply.headers["content-type"] == "application/json"
    assert ANSWER in json.dumps(reply.json)
    assert client.last_entry["text_sha256"] == sha256(ANSWER)


@WIRES
@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("fault-error-in-stream", ErrorInStreamError),
        ("fault-stream-eof-mid", type(None)),
        ("fault-stream-half-event", BrokenStreamError),
        ("fault-stream-not-json", BrokenStreamError),
        ("fault-stream-error-first", ErrorInStreamError),
        ("fault-stream-error-429", ErrorInStreamError),
        ("fault-stream-error-529", ErrorInStreamError),
        ("fault-stream-error-text", ErrorInStreamError),
        ("fault-stream-error-plain", ErrorInStreamError),
        ("fault-stream-error-choice", ErrorInStreamError),
        ("fault-stream-error-then-done", ErrorInStreamError),
    ],
)
async def test_a_stream_that_is_not_whole(client: Client, wire: str, model: str, error: type[Exception]) -> None:
    reply = await stream(client, wire, model)

    heard = hear(wire, reply.body)
    assert isinstance(heard.error, error)
    assert heard.so_far.whole is False
    assert ANSWER.startswith(heard.text)
    assert (heard.text == "") == (model == "fault-stream-error-first")
    entry = client.last_entry
    sent = ANSWER if model == "fault-stream-not-json" else heard.text  # that one goes on after it
    assert (entry["text_bytes"], entry["text_sha256"]) == (len(sent), sha256(sent) if sent else None)


@WIRES
@pytest.mark.parametrize("model", ["fault-stream-reset-first", "fault-stream-reset-mid", "fault-broken-stream"])
async def test_a_stream_whose_connection_goes(client: Client, wire: str, model: str) -> None:
    with pytest.raises(aiohttp.ClientError):
        await stream(client, wire, model)

    await until(lambda: client.summary["open"] == 0)
    entry = client.last_entry
    assert (entry["status"], entry["finished"], entry["aborted_by_client"]) == (200, False, False)
    assert entry["body_bytes"] > 0
    assert (entry["text_bytes"] == 0) == model.endswith("first")


@WIRES
@pytest.mark.parametrize(
    "model", ["fault-stream-silent-first", "fault-stream-silent-mid", "fault-stream-only-comments"]
)
async def test_a_silence_lasts_until_the_client_goes(client: Client, wire: str, model: str) -> None:
    path, more = (OPENAI_PATH, {}) if wire == "openai" else ("/v1/messages", {"max_tokens": 9})
    headers = {"anthropic-version": "2023-06-01"}
    body = chat_body(model, ASKED, stream=True, **more)
    async with client.session.post(client.server.origin + path, json=body, headers=headers) as response:
        first = await response.content.readany()
        assert first.startswith(b": " if model.endswith("comments") else (b"data: {", b"event: message_start"))
    await until(lambda: client.summary["open"] == 0)
    entry = client.last_entry
    assert (entry["finished"], entry["aborted_by_client"]) == (False, True)
    assert (entry["text_bytes"] > 0) == model.endswith("mid")


@WIRES
async def test_a_stream_at_a_rate_is_predictable(client: Client, wire: str) -> None:
    reply = await stream(client, wire, "demo-rate-1000-count-30")

    expected = rate_text(ASKED, 30)
    heard = hear(wire, reply.body)
    assert (heard.text, heard.so_far.whole) == (expected, True)
    entry = client.last_entry
    assert (entry["finished"], entry["text_sha256"]) == (True, sha256(expected))
    assert rate_text("another", 30) != expected
    plain = await client.openai("demo-rate-1000-count-30", ASKED)
    assert plain.json["choices"][0]["message"]["content"] == expected


async def test_a_chunk_of_a_rate_says_when_it_was_sent(client: Client) -> None:
    before = time.time()
    events = (await stream(client, "openai", "demo-rate-100-count-5")).events
    sent_at = [event["sent_at"] for event in events if event != "[DONE]" and "sent_at" in event]
    assert len(sent_at) == 5
    moments = [round(before, 6), *sent_at, time.time()]
    assert moments == sorted(moments)


async def test_who_leaves_a_rate_was_sent_the_start_of_it(client: Client) -> None:
    body = chat_body("demo-rate-500-count-9999", ASKED, stream=True)
    async with client.session.post(client.server.origin + OPENAI_PATH, json=body) as response:
        received = b""
        while received.count(b"\n\n") < 20:
            received += await response.content.readany()
    await until(lambda: client.summary["open"] == 0)
    entry = client.last_entry
    sent = rate_text(ASKED, 9999)[: entry["text_bytes"]]
    assert (entry["finished"], entry["aborted_by_client"]) == (False, True)
    assert entry["text_sha256"] == sha256(sent)
    assert sent.startswith(hear("openai", received.rpartition(b"\n\n")[0] + b"\n\n").text)


async def test_several_choices_come_in_turn(client: Client) -> None:
    events = (await stream(client, "openai", "demo", n=2)).events[:-1]
    for index in (0, 1):
        choices = [choice for event in events for choice in event["choices"] if choice["index"] == index]
        assert "".join(choice["delta"].get("content") or "" for choice in choices) == ANSWER
        assert choices[-1]["finish_reason"] == "stop"
    assert len((await client.openai("demo", n=2)).json["choices"]) == 2


async def test_tool_calls_come_in_parts(client: Client) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"required": ["x"], "properties": {"x": {}}}}}
    events = (await stream(client, "openai", "demo-tools-2", tools=[tool])).events[:-1]
    parts = [call for event in events for call in event["choices"][0]["delta"].get("tool_calls", [])]
    for index in (0, 1):
        own = [part["function"]["arguments"] for part in parts if part["index"] == index]
        assert len(own) > 3
        assert json.loads("".join(own)) == {"x": ASKED}


async def test_what_it_thinks_comes_first_and_is_no_text(client: Client) -> None:
    events = (await stream(client, "openai", "demo-reasoning")).events[:-1]
    deltas = [event["choices"][0]["delta"] for event in events]
    kinds = [name for delta in deltas for name in delta if name.endswith("content") and delta[name]]
    assert kinds == ["reasoning_content"] * 5 + ["content"] * 4
    message = (await client.openai("demo-reasoning", ASKED)).json["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("Let me think about that.", ANSWER)
    assert client.last_entry["text_sha256"] == sha256(ANSWER)
