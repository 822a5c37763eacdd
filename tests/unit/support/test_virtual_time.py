"""The clock jumps over what nobody waits for, keeps the order of timers, and never hangs."""

import asyncio

import pytest

from tests.support.virtual_time import NothingCanHappenError, TooLongError, run_virtually


def test_hours_pass_at_once_and_timers_keep_their_order() -> None:
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append((name, asyncio.get_running_loop().time()))

    async def work() -> None:
        await asyncio.gather(sleep("late", 7200.0), sleep("soon", 0.1), sleep("later", 7200.5), sleep("now", 0))

    run_virtually(work())

    assert woken == [("now", 0.0), ("soon", 0.1), ("late", 7200.0), ("later", 7200.5)]


def test_no_time_passes_while_there_is_work() -> None:
    async def work() -> float:
        asyncio.get_running_loop().call_later(0.001, lambda: None)
        for _ in range(1000):
            await asyncio.sleep(0)
        return asyncio.get_running_loop().time()

    assert run_virtually(work()) == 0.0


def test_a_timeout_is_over_when_its_time_has_come() -> None:
    async def work() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(15.0):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run_virtually(work()) == 15.0


def test_work_that_nothing_can_end_is_an_error() -> None:
    with pytest.raises(NothingCanHappenError):
        run_virtually(asyncio.Event().wait())


def test_work_that_goes_on_for_ever_is_an_error() -> None:
    async def work() -> None:
        try:
            while True:  # noqa: ASYNC110 - what is tested is that it never ends
                await asyncio.sleep(1.0)
        finally:
            await asyncio.sleep(5.0)  # what is cleaned up in the end has its time

    with pytest.raises(TooLongError):
        run_virtually(work(), limit_s=3600.0)


def test_a_failure_and_a_result_come_out_as_they_are() -> None:
    async def answer() -> int:
        await asyncio.sleep(1.0)
        return 42

    async def fail() -> None:
        await asyncio.sleep(1.0)
        raise LookupError("as it is")

    assert run_virtually(answer()) == 42
    with pytest.raises(LookupError, match="as it is"):
        run_virtually(fail())
