"""Start a service part by part; it stops in the opposite order."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from shared.db import connect_pool
from shared.db.clock import DatabaseClock
from shared.db.pool import Pool
from shared.kafka.broker import Broker, Consumer, Subscription
from shared.kafka.keeper import Keeper
from shared.kafka.publisher import Publisher
from shared.kafka.real import RealBroker
from shared.service.settings import ServiceSettings
from shared.telemetry.traces import tracing


class Part(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


P = TypeVar("P", bound=Part)


@dataclass(frozen=True, slots=True)
class Service:
    """What a service has from the start, and the parts that it starts with it."""

    pool: Pool
    broker: Broker
    publisher: Publisher
    _stack: AsyncExitStack = field(repr=False)

    async def start(self, part: P) -> P:
        """Returns the part when it has started. It is stopped after all that are started later."""
        await part.start()
        self.at_stop(part.stop)
        return part

    async def join(self, subscription: Subscription) -> Consumer:
        """The member of the group, which leaves it before all stops that started earlier."""
        consumer = await subscription.start()
        self.at_stop(subscription.stop)
        return consumer

    async def keep(self, keeper: Keeper[Any], subscription: Subscription) -> Consumer:
        """`join`, for a subscription whose records the keeper is given."""
        consumer = await self.join(subscription)
        keeper.start(consumer)
        await self.start(keeper.watch())
        return consumer

    def at_stop(self, stop: Callable[[], Awaitable[object]]) -> None:
        self._stack.push_async_callback(stop)


@asynccontextmanager
async def running(name: str, settings: ServiceSettings) -> AsyncIterator[Service]:
    """Waits for a database that is still starting. Raises ConfigurationError, KafkaError."""
    async with AsyncExitStack() as stack:
        tracing.configure(name, settings.instance)
        stack.callback(tracing.shutdown)
        pool = await connect_pool(settings.database)
        stack.push_async_callback(pool.close)
        broker = RealBroker(settings.kafka)
        publisher = Publisher(broker, f"tallygate/{name}/{settings.instance}")
        service = Service(pool, broker, publisher, stack)
        await service.start(DatabaseClock(pool))
        await service.start(publisher)
        yield service
