"""Tasks that run beside the rest of a process, from its start to its stop."""

import asyncio


async def end_task(task: "asyncio.Task[None] | None") -> None:
    """Cancels it and returns when it has ended, at once when it was never started. What it raised is dropped."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
