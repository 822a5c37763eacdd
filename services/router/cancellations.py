"""Cancelled inferences: every router hears all of them, and remembers them for an hour."""

import asyncio
from collections.abc import Callable
from uuid import UUID

from shared.events import CancelRequested, Event
from shared.memory import Memory

_REMEMBERED = 100_000
_REMEMBERED_S = 3600.0


class Cancellations:
    """`call` names what is called for each as it comes; `cancelled` is for requests that are taken after it came."""

    def __init__(self) -> None:
        self._called: list[Callable[[CancelRequested], None]] = []
        self._known: Memory[tuple[str, UUID], None] = Memory(_REMEMBERED, _REMEMBERED_S)

    def call(self, on_cancel: Callable[[CancelRequested], None]) -> None:
        self._called.append(on_cancel)

    def heard(self, event: Event) -> None:
        if isinstance(event, CancelRequested):
            self._known.put((event.tenant_id, event.inference_id), None, asyncio.get_running_loop().time())
            for on_cancel in self._called:
                on_cancel(event)

    def cancelled(self, tenant_id: str, inference_id: UUID) -> bool:
        return (tenant_id, inference_id) in self._known
