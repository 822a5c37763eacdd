"""Tasks that run beside the rest of a process, from its start to its stop."""

import asyncio


async def end_task(task: "asyncio.Task[None] | None") -> None:
    """Returns when it has ended, or was never started. How it ended is not asked: it has had its say."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
