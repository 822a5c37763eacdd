"""The load generator against the real model server, in one process."""

import asyncio

from benchmarks.load.__main__ import carry_out
from benchmarks.load.messages import LoadOrder, LoadResult, chat_request
from benchmarks.load.tally import MAX_LOST
from deploy.local.ports import free_port
from deploy.model_server import running_model_server


async def test_every_answer_is_counted_and_only_those_in_time_are_measured() -> None:
    async with running_model_server() as server:
        result = await carry_out(_order(server.port, "demo", callers=4, warm_s=0.1, seconds=0.2))
        assert server.ledger()["total"] == result.answered == result.succeeded
    assert 0 < len(result.latencies_us) < result.answered
    assert result.problems == 0


async def test_a_caller_waits_for_the_whole_answer_before_it_calls_again() -> None:
    async with running_model_server() as server:
        result = await carry_out(_order(server.port, "demo-delay-50", callers=3, seconds=0.2))
        assert server.ledger()["concurrent_peak"] == 3
    assert min(result.latencies_us) >= 50_000


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
        async with asyncio.timeout(5):
            result = await carry_out(_order(server.port, "fault-hang", callers=2, seconds=0.05, grace_s=0.1))
    assert result.unanswered == 2


async def test_a_server_that_is_not_there_is_no_crash() -> None:
    result = await carry_out(_order(free_port(), "demo", callers=1, seconds=0.1))
    assert result.lost > 0


def test_result_survives_its_way_between_the_processes() -> None:
    result = LoadResult(statuses={"200": 2, "503": 1}, lost=1, unanswered=1, seconds=1.0, latencies_us=[5, 6])
    assert LoadResult.decoded(result.encoded()) == result
    assert (result.answered, result.succeeded, result.problems) == (3, 2, 3)


def _order(
    port: int, model: str, *, callers: int, seconds: float, warm_s: float = 0.0, grace_s: float = 5.0
) -> LoadOrder:
    request = chat_request(f"http://127.0.0.1:{port}", model, {})
    return LoadOrder(
        host="127.0.0.1", port=port, request=request, callers=callers, warm_s=warm_s, seconds=seconds, grace_s=grace_s
    )
