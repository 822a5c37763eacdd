"""Places for streams whose chunks are taken as they come: who has one, and when it is free again."""

import asyncio
from datetime import timedelta
from uuid import UUID

from services.gateway.background.held import HeldStreams
from services.gateway.inference.shares import Shares
from shared.events import RoutingOptions, new_id, utc_now
from shared.inferences import Order
from tests.support.gateway_app import Here, gateway_here
from tests.unit.shared.events.samples import reply_failed


def order(lasts: timedelta = timedelta(hours=1)) -> Order:
    return Order(
        tenant_id="acme", body=b"{}", model=None, options=RoutingOptions(), accepted_at=utc_now(),
        deadline_at=utc_now() + lasts, api_key_id=None,
    )  # fmt: skip


def held(here: Here) -> HeldStreams:
    return HeldStreams(here.gateway.inferences, Shares(1, 1.0))


async def let_go(here: Here, inference_id: UUID) -> None:
    async with asyncio.timeout(10):
        while here.pending.awaited(inference_id.bytes) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_place_is_one_inferences_until_its_reply_comes() -> None:
    here = gateway_here()
    streams, first, second = held(here), new_id(), new_id()
    assert streams.hold(order(), first)
    assert streams.hold(order(), first)  # by another request with its Idempotency-Key
    assert not streams.hold(order(), second)
    here.pending.resolve(reply_failed(inference_id=first))
    await let_go(here, first)
    assert streams.hold(order(), second)
    await streams.stop()


async def test_a_place_is_free_when_nothing_was_published_and_when_the_deadline_is_over() -> None:
    here = gateway_here()
    streams, dropped, overdue = held(here), new_id(), new_id()
    assert streams.hold(order(), dropped)
    streams.drop(dropped)
    await let_go(here, dropped)
    assert streams.hold(order(timedelta(0)), overdue)
    await let_go(here, overdue)
    assert streams.hold(order(), new_id())
    await streams.stop()
