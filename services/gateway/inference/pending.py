"""Answers that are awaited here: a future for each who waits, and what was accepted lately."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.events import ReplyCompleted, ReplyFailed
from shared.telemetry.instruments import waiting

Reply = ReplyCompleted | ReplyFailed

_REMEMBERED = 10_000


@dataclass(slots=True)
class Accepted:
    """An inference that this gateway accepted; the books may not have it yet."""

    tenant_id: str
    model_requested: str | None
    accepted_at: datetime
    answered: bool = False


class Pending:
    def __init__(self) -> None:
        self._futures: dict[bytes, list[asyncio.Future[Reply]]] = {}
        self._waiting = 0
        self._accepted: OrderedDict[UUID, Accepted] = OrderedDict()

    @contextmanager
    def expect(self, inference_id: UUID) -> Iterator[asyncio.Future[Reply]]:
        """A future of the inference's reply. Several may wait for the same one."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        futures = self._futures.setdefault(inference_id.bytes, [])
        futures.append(future)
        self._count(1)
        try:
            yield future
        finally:
            futures.remove(future)
            if not futures:
                del self._futures[inference_id.bytes]
            self._count(-1)

    def is_expected(self, key: bytes | None) -> bool:
        return key in self._futures

    def resolve(self, reply: Reply) -> None:
        """The first reply is the answer; another one (a redelivered inference) changes nothing."""
        for future in self._futures.get(reply.key, ()):
            if not future.done():
                future.set_result(reply)

    def accepted(self, inference_id: UUID, accepted: Accepted) -> None:
        self._accepted[inference_id] = accepted
        while len(self._accepted) > _REMEMBERED:
            self._accepted.popitem(last=False)

    def answered(self, inference_id: UUID) -> None:
        if (accepted := self._accepted.get(inference_id)) is not None:
            accepted.answered = True

    def lately(self, inference_id: UUID, tenant_id: str) -> Accepted | None:
        accepted = self._accepted.get(inference_id)
        return accepted if accepted is not None and accepted.tenant_id == tenant_id else None

    def _count(self, change: int) -> None:
        self._waiting += change
        waiting.set(self._waiting)
