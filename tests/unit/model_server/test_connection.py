import asyncio

import pytest

from tests.unit.model_server.client import Client, raw_exchange, raw_request

pytestmark = pytest.mark.asyncio

LAST = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


async def test_pipelined_requests_are_answered_in_their_order(client: Client) -> None:
    models = [("demo-delay-20", "a"), ("demo", "b"), ("fault-slow-body-20", "c"), ("fault-500", "d")]
    sent = b"".join(raw_request(*model) for model in models) + LAST
    received = await raw_exchange(client.server, sent)
    answers = [b"echo: a", b"echo: b", b"echo: c", b"server_error", b'{"status":"ok"}']
    places = [received.index(answer) for answer in answers]
    assert places == sorted(places)
    assert received.count(b"HTTP/1.1 ") == 5
    assert client.summary["finished"] == 4


async def test_a_request_may_come_byte_by_byte(client: Client) -> None:
    async def piecemeal() -> bytes:
        reader, writer = await asyncio.open_connection(client.server.host, client.server.port)
        for byte in raw_request("demo", "slowly"):
            writer.write(bytes([byte]))
            await writer.drain()
        writer.write(LAST)
        received = await reader.read()
        writer.close()
        await writer.wait_closed()
        return received

    assert b"echo: slowly" in await piecemeal()
    assert client.summary["total"] == 1


async def test_what_follows_a_cut_is_not_answered(client: Client) -> None:
    received = await raw_exchange(client.server, raw_request("fault-half-body") + raw_request("demo"))
    assert received.count(b"HTTP/1.1 ") == 1
    assert [entry["behaviour"] for entry in client.entries] == ["fault-half-body"]
    assert client.summary["aborted_by_client"] == client.summary["open"] == 0


async def test_what_is_not_http_is_refused_after_what_was(client: Client) -> None:
    reader, writer = await asyncio.open_connection(client.server.host, client.server.port)
    writer.write(raw_request("demo"))
    assert (await reader.readuntil(b"}}")).startswith(b"HTTP/1.1 200 ")
    writer.write(b"nonsense\r\n\r\n")
    assert b" 400 Bad Request\r\n" in await reader.read()
    writer.close()
    await writer.wait_closed()
    assert client.summary["finished"] == 1


async def test_a_client_that_asks_to_continue_is_told_so(client: Client) -> None:
    request = b"POST /nowhere HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n"
    received = await raw_exchange(client.server, request + b"connection: close\r\n\r\n{}")
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/v1/chat/completion", 404, "unknown_url"),
        ("GET", "/", 404, "unknown_url"),
        ("GET", "/v1/chat/completions", 405, "method_not_supported"),
        ("POST", "/ledger", 405, "method_not_supported"),
    ],
)
async def test_an_unknown_path(client: Client, method: str, path: str, status: int, code: str) -> None:
    reply = await client.request(method, path)
    assert (reply.status, reply.json["error"]["code"]) == (status, code)
    assert client.summary["total"] == 0
    assert client.summary["unknown_paths"] == (1 if (method, status) == ("POST", 404) else 0)
