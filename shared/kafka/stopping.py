"""Work that must not fail: when it does, the process stops, and its supervisor starts it again."""

import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from shared.kafka.dead_letter_limit import DeadLetterLimitError

logger = structlog.get_logger(__name__)

Stop = Callable[[], None]


def terminate() -> None:
    """SIGTERM to this process, which drains as for any other stop."""
    os.kill(os.getpid(), signal.SIGTERM)


async def or_stop(work: Awaitable[None], stop: Stop = terminate) -> bool:
    """Whether the work was done. If not, `stop` was called, and the caller must commit nothing more."""
    try:
        await work
    except DeadLetterLimitError as error:
        logger.error("dead_letters.limit_reached", reason=str(error))  # noqa: TRY400 - no defect, so no traceback
    except Exception:
        logger.exception("handler.failed")
    else:
        return True
    stop()
    return False


def until_it_fails(handler: Callable[[Any], Awaitable[None]], stop: Stop) -> Callable[[Any], Awaitable[None]]:
    """The handler, which is called no more after an error that it did not foresee.

    A later batch would commit an offset beyond the record that failed, and so lose that record silently.
    """
    going = True

    async def guarded(records: Any) -> None:
        nonlocal going
        if going:
            going = await or_stop(handler(records), stop)

    return guarded
