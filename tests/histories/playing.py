"""Plays a history in a loop of its own, the same way every time."""

import asyncio
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock
from uuid import UUID

import structlog

from shared.kafka import KafkaError
from tests.histories.history import History
from tests.histories.lives import HistoryLoop, current_life
from tests.histories.trace import Trace, Unforeseen
from tests.histories.world import Played, World

_LIMIT_S = 3600.0
_EPOCH_MS = 1_795_435_200_000


def play(history: History, world: type[World] = World) -> Played:
    loop = HistoryLoop(_LIMIT_S)
    asyncio.set_event_loop(loop)
    trace: Trace = []
    try:
        with _seeded(history.seed, loop), _errors_into(trace, loop):
            played = loop.run_until_complete(_play(history, trace, world))
            _leave_behind(loop)
            return played
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def _play(history: History, trace: Trace, world: type[World]) -> Played:
    return await world(history, trace).play()


def _leave_behind(loop: asyncio.AbstractEventLoop) -> None:
    """Nobody goes on with what is left: dead processes do not clean up."""
    loop.set_exception_handler(lambda _loop, _context: None)
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        task.get_coro().close()


@contextmanager
def _seeded(seed: int, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Ids and what is random in the code under test come from the seed."""
    state, ids = random.getstate(), random.Random(seed)
    random.seed(seed)

    def uuid7() -> UUID:
        millis = _EPOCH_MS + int(loop.time() * 1000)
        return UUID(int=millis << 80 | 0x7 << 76 | ids.getrandbits(12) << 64 | 0x2 << 62 | ids.getrandbits(62))

    with mock.patch("uuid_utils.compat.uuid7", uuid7):
        try:
            yield
        finally:
            random.setstate(state)


@contextmanager
def _errors_into(trace: Trace, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """What is logged as an error is part of the trace; what is expected is not logged at all."""

    def note(_logger: object, _method: str, event: Any) -> Any:
        error = sys.exc_info()[1] if event.get("exc_info") is True else event.get("exc_info")
        what = f"{event['event']}: {error!r}"
        life = current_life()
        trace.append(Unforeseen(loop.time(), None if life is None else life.name, what))
        raise structlog.DropEvent

    def crashed(_loop: object, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, KafkaError):  # of a request whose caller has given up
            trace.append(Unforeseen(loop.time(), None, f"{context['message']}: {error!r}"))

    before = structlog.get_config()
    loop.set_exception_handler(crashed)
    structlog.configure(processors=[note], wrapper_class=structlog.make_filtering_bound_logger(40))
    try:
        yield
    finally:
        structlog.configure(**before)
