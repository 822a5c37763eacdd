import asyncio

from services.monitor.repeat import repeat
from shared.background import end_task


async def test_what_fails_is_done_again() -> None:
    errors: list[Exception | None] = [TimeoutError(), ValueError("not foreseen"), None]
    done = asyncio.Event()

    async def work() -> None:
        if errors and (error := errors.pop(0)):
            raise error
        done.set()

    task = asyncio.create_task(repeat("test", work, 0))
    async with asyncio.timeout(5):
        await done.wait()
    await end_task(task)
    assert task.cancelled()
