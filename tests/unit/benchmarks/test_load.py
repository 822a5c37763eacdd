"""The load generator against the benchmarks' endpoint, and against a model server that errs, in one process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from benchmarks.endpoint.behaviour import AT_ONCE, stream_model
from benchmarks.endpoint.connection import Connection, Ledger
from benchmarks.load.__main__ import carry_out
from benchmarks.load.messages import LoadOrder, LoadResult, StreamsSeen, chat_request
from benchmarks.load.tally import MAX_LOST
from deploy.local.ports import free_port
from deploy.model_server import running_model_server


async def test_every_answer_is_counted_and_only_those_in_time_are_measured() -> None:
    async with _endpoint() as (port, ledger):
        result = await carry_out(_order(port, AT_ONCE, callers=4, warm_s=0.1, seconds=0.2))
    assert len(ledger.request_ids) == result.answered == result.succeeded
    assert 0 < len(result.latencies_us) < result.answered
    assert (result.problems, ledger.open) == (0, 0)


async def test_a_caller_waits_for_the_whole_answer_before_it_calls_again() -> None:
    async with _endpoint() as (port, _):
        result = await carry_out(_order(port, "after-50", callers=3, seconds=0.2))
    assert min(result.latencies_us) >= 49_000  # the endpoint's clock counts whole milliseconds


async def test_what_the_endpoint_does_not_know_is_refused() -> None:
    async with _endpoint() as (port, ledger):
        result = await carry_out(_order(port, "demo", callers=1, seconds=0.05))
    assert result.statuses.keys() == {"400"}
    assert ledger.request_ids == []


async def test_every_chunk_of_a_stream_is_seen_once() -> None:
    async with _endpoint() as (port, _):
        order = _order(port, stream_model(5, 20, 400), callers=3, seconds=0.1, chunks=20)
        seen = (await carry_out(order)).streams
    assert seen.ended >= 3
    assert (seen.chunks, len(seen.first_chunk_us)) == (20 * seen.ended, seen.ended)
    assert (seen.lost, seen.doubled, seen.unfinished) == (0, 0, 0)
    assert min(seen.first_chunk_us) >= 4_000
    assert min(seen.delays_us) >= 0


@pytest.mark.parametrize(
    ("events", "lost", "doubled", "unfinished"),
    [
        pytest.param(["0:0", "1:0", "2:0", None], 0, 0, 0, id="whole"),
        pytest.param(["0:0", "2:0", None], 1, 0, 0, id="one-is-missing"),
        pytest.param(["0:0", "1:0", "1:0", "2:0", None], 0, 1, 0, id="one-came-twice"),
        pytest.param(["0:0", "1:0"], 1, 0, 1, id="cut"),
    ],
)
async def test_what_a_stream_lacks_is_counted(
    events: list[str | None], lost: int, doubled: int, unfinished: int
) -> None:
    lines = ["data: [DONE]" if each is None else f'data: {{"delta":{{"content":"{each}"}}}}' for each in events]
    body = "".join(f"{line}\n\n" for line in lines)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n"
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"true}"):  # the end of a request
                for piece in (head, body[:30], body[30:]):  # in the middle of an event
                    writer.write(piece.encode())
                    await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        seen = (await carry_out(_order(port, "any", callers=1, seconds=0.05, chunks=3))).streams
    assert seen.ended > 0
    assert (seen.lost, seen.doubled, seen.unfinished) == tuple(
        seen.ended * each for each in (lost, doubled, unfinished)
    )


async def test_errors_are_problems_and_not_measured() -> None:
    async with running_model_server() as server:
        result = await carry_out(_order(server.port, "fault-503", callers=1, seconds=0.05))
    assert result.latencies_us == []
    assert result.problems == result.statuses["503"] > 0


async def test_broken_connections_are_counted_and_their_number_is_bounded() -> None:
    async with running_model_server() as server:
        result = await carry_out(_order(server.port, "fault-reset", callers=2, seconds=30))
    assert result.answered == 0
    assert MAX_LOST <= result.lost <= MAX_LOST + 2


async def test_callers_that_get_no_answer_are_given_up() -> None:
    async with running_model_server() as server:
        async with asyncio.timeout(30):
            result = await carry_out(_order(server.port, "fault-hang", callers=2, seconds=0.05, grace_s=0.1))
    assert result.unanswered == 2


async def test_a_server_that_is_not_there_is_no_crash() -> None:
    result = await carry_out(_order(free_port(), AT_ONCE, callers=1, seconds=0.1))
    assert result.lost > 0


def test_result_survives_its_way_between_the_processes() -> None:
    streams = StreamsSeen(first_chunk_us=[7], delays_us=[1, 2], chunks=2, ended=1)
    result = LoadResult(
        statuses={"200": 2, "503": 1}, lost=1, unanswered=1, seconds=1.0, latencies_us=[5, 6], streams=streams
    )
    assert LoadResult.decoded(result.encoded()) == result
    assert (result.answered, result.succeeded, result.problems) == (3, 2, 3)


@asynccontextmanager
async def _endpoint() -> AsyncIterator[tuple[int, Ledger]]:
    ledger = Ledger()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(ledger), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], ledger


def _order(
    port: int, model: str, *, callers: int, seconds: float, warm_s: float = 0.0, grace_s: float = 5.0, chunks: int = 0
) -> LoadOrder:
    request = chat_request(f"http://127.0.0.1:{port}", model, {}, stream=chunks > 0)
    return LoadOrder(
        host="127.0.0.1", port=port, request=request, callers=callers, warm_s=warm_s, seconds=seconds,
        grace_s=grace_s, chunks=chunks,
    )  # fmt: skip
