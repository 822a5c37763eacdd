import asyncio

from shared.background import end_task


async def test_returns_when_the_task_has_ended_and_had_its_say() -> None:
    said: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            said.append("goodbye")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await end_task(task)
    assert task.cancelled()
    assert said == ["goodbye"]


async def test_a_task_that_failed_or_was_never_started_is_no_trouble() -> None:
    async def work() -> None:
        raise ValueError

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await end_task(task)
    await end_task(None)
