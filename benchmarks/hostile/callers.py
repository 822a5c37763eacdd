"""`python -m benchmarks.hostile.callers`: so many callers, each with one request at a time, for some seconds.

Carries out the order on standard input and prints how each request went, as JSON.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from time import perf_counter

import aiohttp
import uvloop
from pydantic import BaseModel

_MONITORING = "/api/models/custom/monitoring?window=30d"
_PAUSE_S = 0.05  # after a refusal: who is hostile does not wait as it is told, but measures the gateway, not itself


class CallOrder(BaseModel):
    """model: None asks for monitoring. deadline_s: of each request."""

    gateway: str
    key: str
    callers: int
    seconds: float
    model: str | None
    prompt: int = 10
    deadline_s: float = 30.0


class Calls(BaseModel):
    """seconds: of those that were answered 200. others: how often each other status came; 0: no answer."""

    seconds: list[float] = []
    others: dict[int, int] = {}

    @property
    def errors(self) -> int:
        return sum(self.others.values())


async def carry_out(order: CallOrder) -> Calls:
    calls, until = Calls(), perf_counter() + order.seconds
    headers = {"authorization": f"Bearer {order.key}", "x-tallygate-deadline-s": str(order.deadline_s)}
    headers["x-tallygate-cancel-on-disconnect"] = "true"
    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=order.deadline_s + 10)
    async with aiohttp.ClientSession(order.gateway, headers=headers, connector=connector, timeout=timeout) as session:
        ask = _asking(session, order)
        callers = [asyncio.create_task(_call(ask, calls, until)) for _ in range(order.callers)]
        _, unanswered = await asyncio.wait(callers, timeout=order.seconds + 5)
        calls.others[0] = calls.others.get(0, 0) + len(unanswered)
        for caller in unanswered:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
    return calls


Ask = Callable[[], Coroutine[None, None, int]]


def _asking(session: aiohttp.ClientSession, order: CallOrder) -> Ask:
    body = {"model": order.model, "messages": [{"role": "user", "content": "x" * order.prompt}]}

    async def chat() -> int:
        async with session.post("/v1/chat/completions", json=body) as response:
            await response.read()
            return response.status

    async def monitoring() -> int:
        async with session.get(_MONITORING) as response:
            await response.read()
            return response.status

    return monitoring if order.model is None else chat


async def _call(ask: Ask, calls: Calls, until: float) -> None:
    while (began := perf_counter()) < until:
        try:
            status = await ask()
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        if status == 200:
            calls.seconds.append(perf_counter() - began)
        else:
            calls.others[status] = calls.others.get(status, 0) + 1
            await asyncio.sleep(_PAUSE_S)


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(runner.run(carry_out(CallOrder.model_validate_json(sys.stdin.read()))).model_dump_json())


if __name__ == "__main__":
    main()
