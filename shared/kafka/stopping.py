"""Work that must not fail: when it does, the process stops, and its supervisor starts it afresh."""

import os
import signal
from collections.abc import Awaitable

import structlog

from shared.kafka.dead_letter_limit import DeadLetterLimitError

logger = structlog.get_logger(__name__)


async def or_stop(work: Awaitable[None]) -> bool:
    """Whether the work was done. If not, SIGTERM is on its way: the process drains as for any other stop, and
    whoever asked must commit nothing more."""
    try:
        await work
    except DeadLetterLimitError as error:
        logger.error("dead_letters.limit_reached", reason=str(error))  # noqa: TRY400 - no defect, so no traceback
    except Exception:
        logger.exception("handler.failed")
    else:
        return True
    os.kill(os.getpid(), signal.SIGTERM)
    return False
