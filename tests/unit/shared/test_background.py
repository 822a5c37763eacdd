"""What runs beside the rest of a process goes on until it is stopped, whatever one turn of it brings."""

import asyncio

import pytest

from shared.background import Background, Periodic
from shared.errors import TallygateError


async def test_a_task_that_is_stopped_has_cleaned_up() -> None:
    cleaned_up = asyncio.Event()

    async def run() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned_up.set()

    background = Background("test", run)
    await background.start()
    await asyncio.sleep(0)
    assert background.running

    await background.stop()

    assert cleaned_up.is_set()
    assert not background.running


async def test_stopping_what_failed_or_was_never_started_is_no_trouble() -> None:
    async def run() -> None:
        raise ValueError

    failed, never_started = Background("test", run), Background("test", run)
    await failed.start()
    await asyncio.sleep(0)
    await failed.stop()
    await never_started.stop()
    assert not failed.running
    assert not never_started.running


class Work:
    """Raises what it is given, one at each turn; `turns` counts all of them."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.turns = 0
        self.begins = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self) -> None:
        self.turns += 1
        self.begins.set()
        await self.may_end.wait()
        if self.errors:
            raise self.errors.pop(0)

    async def reaches(self, turns: int) -> None:
        async with asyncio.timeout(30):
            while self.turns < turns:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


@pytest.mark.parametrize("error", [TimeoutError(), TallygateError("unavailable", "no ack"), ValueError("not foreseen")])
async def test_what_fails_is_done_again_after_its_own_time(error: Exception) -> None:
    work = Work(error)
    periodic = Periodic("test", work, 600, (TimeoutError,), retry_s=0)
    await periodic.start()
    await work.reaches(2)
    await periodic.stop()


async def test_work_that_is_woken_is_done_at_once_and_again_if_it_had_begun() -> None:
    work = Work()
    work.may_end.clear()
    periodic = Periodic("test", work, 600, at_once=False)
    await periodic.start()
    periodic.wake()
    await work.begins.wait()
    periodic.wake()
    work.may_end.set()
    await work.reaches(2)
    await periodic.stop()
    assert work.turns == 2


async def test_work_that_finishes_ends_its_turn_and_begins_no_other() -> None:
    work = Work()
    work.may_end.clear()
    periodic = Periodic("test", work, 0)
    await periodic.start()
    await work.begins.wait()

    finishing = asyncio.create_task(periodic.finish(5))
    await asyncio.sleep(0)
    assert periodic.running
    work.may_end.set()
    await finishing

    assert work.turns == 1
    assert not periodic.running


async def test_a_turn_that_takes_too_long_is_waited_for_no_longer() -> None:
    work = Work()
    work.may_end.clear()
    periodic = Periodic("test", work, 0)
    await periodic.start()
    await work.begins.wait()
    await periodic.finish(0.01)
    assert periodic.running
    await periodic.stop()
