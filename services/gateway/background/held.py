"""Streams of background inferences that this gateway accepted: what comes is kept, so that callers can follow."""

import asyncio
from contextlib import ExitStack, suppress
from uuid import UUID

from services.gateway.inference.shares import Shares
from shared.inferences import AnswerStream, InferenceFailedError, Inferences, Order


class HeldStreams:
    """places: tenants share them. A stream without a place is called for as a whole answer, and told at its end."""

    def __init__(self, inferences: Inferences, places: Shares) -> None:
        self._inferences = inferences
        self._places = places
        self._reading: dict[UUID, asyncio.Task[None]] = {}

    async def stop(self) -> None:
        """The inferences go on, and their results are stored."""
        for task in self._reading.values():
            task.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)

    def hold(self, order: Order, inference_id: UUID) -> bool:
        """Whether there is a place. To be called before the request is published."""
        if inference_id in self._reading:  # by another request with the same Idempotency-Key
            return True
        if self._places.take(order.tenant_id) is not None:
            return False
        stack = ExitStack()
        stack.callback(self._let_go, order.tenant_id, inference_id)
        chunks = stack.enter_context(self._inferences.stream(order, inference_id, stored=True))
        task = self._reading[inference_id] = asyncio.create_task(_read(chunks), name="held stream")
        task.add_done_callback(lambda _: stack.close())  # also of one that is dropped before it has begun
        return True

    def drop(self, inference_id: UUID) -> None:
        """It was not published after all."""
        if (task := self._reading.get(inference_id)) is not None:
            task.cancel()

    def _let_go(self, tenant_id: str, inference_id: UUID) -> None:
        self._places.give_back(tenant_id)
        del self._reading[inference_id]


async def _read(chunks: AnswerStream) -> None:
    """To its end, which comes with the reply or the deadline."""
    with suppress(InferenceFailedError):
        async for _ in chunks:
            pass
