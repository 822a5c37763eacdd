"""Work that the monitor does again and again, beside the booking."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from shared.db.pool import RETRYABLE
from shared.errors import TallygateError
from shared.kafka import KafkaError

logger = structlog.get_logger(__name__)


async def repeat(name: str, work: Callable[[], Awaitable[None]], every_s: float) -> None:
    """For ever. What fails is done again at its next turn: it finds what there is to do in the books."""
    while True:
        try:
            await work()
        except (*RETRYABLE, KafkaError, TallygateError) as error:
            logger.warning("work.waiting", work=name, reason=type(error).__name__)
        except Exception:
            logger.exception("work.failed", work=name)
        await asyncio.sleep(every_s)
