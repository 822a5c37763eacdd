"""Copies of requests for a model that is tried beside the others (decision 0046): inferences of their own, which nobody
waits for.

A copy is published after its request and beside it, by one task, from a queue that holds few: what finds it full is not
copied. Which requests are copied, and under which id, follows from their own ids, so whoever publishes a request twice
copies it once.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from services.gateway import instruments
from shared.background import Background
from shared.events import Now, RoutingOptions, TenantSpent, utc_now
from shared.events.inference import SHADOW, SHADOW_OF
from shared.inferences import Inferences, NotAcknowledgedError, Order
from shared.registry import TenantModels, canonical_reference
from shared.selection.budgets import has_shadow_budget_left

_MOST_WAITING = 16  # each with its body
_ONLY_THIS = RoutingOptions(no_fallback=True)


class _Copy(NamedTuple):
    order: Order
    inference_id: UUID


class Shadows:
    """models: of a tenant, whose terms name one of them, the share of requests that it gets, and what it may cost.
    spent: by a tenant, as the books said last."""

    def __init__(
        self, inferences: Inferences, models: Callable[[str], TenantModels],
        spent: Callable[[str], TenantSpent | None], now: Now = utc_now,
    ) -> None:  # fmt: skip
        self._inferences = inferences
        self._models = models
        self._spent = spent
        self._now = now
        self._waiting: asyncio.Queue[_Copy] = asyncio.Queue(_MOST_WAITING)
        self._publishing = Background("shadows", self._publish)

    async def start(self) -> None:
        await self._publishing.start()

    async def stop(self) -> None:
        """What waits is not copied."""
        await self._publishing.stop()

    def offer(self, order: Order, inference_id: UUID) -> None:
        """A request that is published. Never waits."""
        models = self._models(order.tenant_id)
        model, share = models.terms.shadow_model, models.terms.shadow_share or 0.0
        if model is None or models.get(model) is None or not is_copied(order, inference_id, model, share):
            return
        if not has_shadow_budget_left(models.terms, self._spent(order.tenant_id), self._now()):
            instruments.shadows.labels("over_budget").inc()
            return
        try:
            self._waiting.put_nowait(_Copy(copy_of(order, inference_id, model), shadow_id(inference_id)))
        except asyncio.QueueFull:
            instruments.shadows.labels("dropped").inc()

    async def _publish(self) -> None:
        while True:
            order, inference_id = await self._waiting.get()
            now = self._now()
            begun = replace(order, accepted_at=now, deadline_at=now + timedelta(seconds=order.remaining_s))
            try:
                await self._inferences.publish(begun, inference_id, awaited=False)
            except NotAcknowledgedError:
                instruments.shadows.labels("dropped").inc()
            else:
                instruments.shadows.labels("copied").inc()


def is_copied(order: Order, inference_id: UUID, model: str, share: float) -> bool:
    """Whether it is one of this share of the chats: those that were not asked of the model itself, nor to test a model
    that is not active."""
    if order.operation != "chat" or order.options.allow_inactive or canonical_reference(order.model) == model:
        return False
    return int.from_bytes(_digest(inference_id)[:8]) < share * 2**64


def shadow_id(inference_id: UUID) -> UUID:
    """Always the same, a UUIDv7 of the same millisecond: the copy stands on the same day of the books."""
    number = int.from_bytes(inference_id.bytes[:6] + _digest(inference_id)[8:18])
    number = number & ~(0xF << 76) | 7 << 76
    return UUID(int=number & ~(0x3 << 62) | 0x2 << 62)


def copy_of(order: Order, inference_id: UUID, model: str) -> Order:
    """It belongs to no session and to no trace of the caller's, and the model answers or nobody does."""
    return replace(
        order, model=model, options=_ONLY_THIS, api_key_id=SHADOW, traceparent=None, session=None,
        tags={SHADOW_OF: str(inference_id)}, priority="bulk",
    )  # fmt: skip


def _digest(inference_id: UUID) -> bytes:
    return sha256(b"shadow of " + inference_id.bytes).digest()
