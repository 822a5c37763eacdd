"""Whoever is killed while calls fail: the console's pages tell every one of them, as the model server's ledger does."""

import asyncio
import signal
from collections import Counter

import aiohttp
import pytest

from shared.client.requests import CHAT, chat_body
from tests.integration.test_recovery import in_flight
from tests.support import planted
from tests.support.console import (
    ConsoleProcess,
    OverviewFigures,
    error_counts,
    latest_errors,
    overview_figures,
    signed_in,
)
from tests.support.live import Api, Live

_HANGING = 3
_FAILS_AFTER_S = 4.0  # longer than it takes to kill somebody
_SHOWN_WITHIN_S = 60.0

_SLOW, _AT_ONCE = "fault-hang", "fault-400-context"  # how the two models behave, which are called after it
_TYPES = {_SLOW: "read_timeout", _AT_ONCE: "context_length_exceeded"}


@pytest.mark.timeout(200)
@pytest.mark.parametrize("victim", ["gateway", "router", "monitor", "console"])
async def test_calls_that_fail_while_somebody_is_killed_are_on_the_pages(
    stack: Live, tenant: Api, console: ConsoleProcess, victim: str
) -> None:
    """Some are open when it dies, one is made while it is away."""
    slow = await tenant.add_model(_SLOW, stack.model_server_url, _SLOW, timeout_s=_FAILS_AFTER_S)
    at_once = await tenant.add_model(_AT_ONCE, stack.model_server_url, _AT_ONCE)
    before = await _heard(stack)
    async with signed_in(console.url, tenant.key) as pages:
        hanging = [asyncio.create_task(_ask(tenant, slow)) for _ in range(_HANGING)]
        await in_flight(stack, _HANGING)

        await _kill(stack, console, victim)

        late = asyncio.create_task(_ask(tenant, at_once))
        await _is_back(stack, console, victim)
        await asyncio.gather(*hanging, late)
        expected = Counter({(_TYPES[_SLOW], slow): _HANGING})
        if victim == "router":
            expected["router_lost", slow] = _HANGING
        if late.result():  # a gateway that is dead has accepted nothing
            expected[_TYPES[_AT_ONCE], at_once] = 1
        requests = _HANGING + late.result()
        await _shows(pages, OverviewFigures(requests, requests, expected.total()))
        counts, latest = await error_counts(pages), await latest_errors(pages)

    assert counts == expected
    assert latest == set(expected)
    assert _by_behaviour(counts) == await _heard(stack) - before


async def _ask(api: Api, model: str) -> bool:
    """Whether there was an answer, which tells a failure."""
    try:
        answer = await api.post(CHAT, chat_body(model, planted.PROMPT, no_fallback=True))
    except aiohttp.ClientError:
        return False
    assert answer.status >= 400, answer
    return True


async def _kill(stack: Live, console: ConsoleProcess, victim: str) -> None:
    if victim == "console":
        await console.kill()
    else:
        stack.stack.signal_program(victim, signal.SIGKILL)


async def _is_back(stack: Live, console: ConsoleProcess, victim: str) -> None:
    if victim == "console":
        await console.start()
    else:
        await asyncio.to_thread(stack.stack.wait_ready, victim)


async def _shows(pages: aiohttp.ClientSession, wanted: OverviewFigures) -> None:
    """The sign-in has outlived everybody. Returns when the overview has these figures, or never will."""
    deadline = asyncio.get_running_loop().time() + _SHOWN_WITHIN_S
    while (figures := await overview_figures(pages)) != wanted:
        assert asyncio.get_running_loop().time() < deadline, figures
        await asyncio.sleep(0.2)


async def _heard(stack: Live) -> Counter[str]:
    """By behaviour, the calls that have reached the model server."""
    return Counter((await stack.model_server.ledger(entries=False))["by_behaviour"])


def _by_behaviour(counts: Counter[tuple[str, str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, model), count in counts.items():
        found[model.removeprefix("custom:")] += count
    return found
