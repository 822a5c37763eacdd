"""`python -m benchmarks.load`: carries out one order after the other until its input ends."""

import asyncio
import sys
from time import perf_counter

import uvloop

from benchmarks.load.caller import Caller
from benchmarks.load.messages import LoadOrder, LoadResult
from benchmarks.load.stream_caller import StreamCaller
from benchmarks.load.tally import Tally

_CONNECTS_AT_ONCE = 64  # more would only measure the backlog of the server
_CONNECT_PAUSE_S = 0.01


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for line in sys.stdin:
            print(runner.run(carry_out(LoadOrder.decoded(line))).encoded(), flush=True)


async def carry_out(order: LoadOrder) -> LoadResult:
    began = perf_counter()
    tally = Tally(began + order.warm_s, began + order.warm_s + order.seconds)
    callers = [asyncio.create_task(_call(order, tally, index)) for index in range(order.callers)]
    _, unanswered = await asyncio.wait(callers, timeout=order.warm_s + order.seconds + order.grace_s)
    for caller in unanswered:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    return tally.result(len(unanswered))


async def _call(order: LoadOrder, tally: Tally, index: int) -> None:
    """A connection that breaks is counted, and replaced by a new one."""
    request = order.request.encode("latin-1")
    await asyncio.sleep(max(index // _CONNECTS_AT_ONCE * _CONNECT_PAUSE_S, order.spread_s * index / order.callers))
    while tally.goes_on(perf_counter()):
        try:
            _, caller = await asyncio.get_running_loop().create_connection(
                lambda: _caller(order, request, tally), order.host, order.port
            )
        except OSError:
            tally.lost += 1
            await asyncio.sleep(_CONNECT_PAUSE_S)
            continue
        await _closed(caller)


def _caller(order: LoadOrder, request: bytes, tally: Tally) -> Caller:
    return StreamCaller(request, tally, order.chunks) if order.chunks else Caller(request, tally)


async def _closed(caller: Caller) -> None:
    try:
        await caller.closed
    finally:
        if caller.transport is not None:
            caller.transport.abort()


if __name__ == "__main__":
    main()
