"""A stack of a test's own, for what must be configured differently from the one that tests share."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from deploy.local.stack import Stack
from tests.support.live import Live, ModelServer, admin_key, stack_environment
from tests.support.otlp import OtlpReceiver


@asynccontextmanager
async def own_stack(
    home: Path, settings: dict[str, str], server: ModelServer, otlp: OtlpReceiver
) -> AsyncIterator[Live]:
    environment = stack_environment(dict(os.environ), otlp.endpoint) | settings
    stack = Stack(home, environment)
    await asyncio.to_thread(stack.up)
    try:
        found = stack.running()
        assert found.gateway is not None
        assert found.monitor is not None
        key = admin_key(stack.home.path)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            given = environment | stack.environment()
            yield Live(stack, session, found.gateway, found.monitor, key, server, otlp, given)
    finally:
        await asyncio.to_thread(stack.remove)
