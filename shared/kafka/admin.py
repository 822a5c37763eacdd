"""Create what is missing on the broker, and say what differs from the list."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiokafka.errors import KafkaConnectionError

from shared.errors import ConfigurationError
from shared.events.topics import REPLIES, TOPICS, WantedTopic, wanted_topics
from shared.kafka.broker import Admin, Broker

_KNOWN_WITHIN_S = 10.0


async def apply_topics(broker: Broker) -> list[str]:
    """Names of the topics that were created. Topics that exist are left as they are; `check_topics` compares them."""
    async with connected_admin(broker) as admin:
        present = await admin.topics()
        missing = [wanted for wanted in _wanted(broker) if wanted.name not in present]
        if missing:
            await admin.create(missing)
            await _wait_until_known(admin, missing)
    return [wanted.name for wanted in missing]


async def check_topics(broker: Broker) -> list[str]:
    """One sentence for each topic that is missing or differs; empty when all is as wanted."""
    async with connected_admin(broker) as admin:
        partitions = await admin.topics()
    return [problem for wanted in _wanted(broker) if (problem := _problem(wanted, partitions)) is not None]


def _wanted(broker: Broker) -> list[WantedTopic]:
    return wanted_topics(broker.settings.ingress.topics)


async def require_topics(broker: Broker, service: str) -> None:
    """Raises ConfigurationError when the broker lacks a topic that this service reads or writes, or may not show it:
    a reader of such a topic would wait for it without a word."""
    ours = [
        topic for topic in (*TOPICS, *broker.settings.ingress.topics) if service in (*topic.read_by, *topic.written_by)
    ]
    wanted = {topic.name for topic in ours}
    wanted |= {topic.dlq for topic in ours if topic.has_dlq and service in topic.read_by}
    async with connected_admin(broker) as admin:
        missing = sorted(wanted - (await admin.topics()).keys())
    if missing:
        raise ConfigurationError(f"the broker lacks {', '.join(missing)}; run: tallygate topics apply")


async def _wait_until_known(admin: Admin, created: list[WantedTopic]) -> None:
    """The controller has made them; the broker that is asked next may hear of it a moment later."""
    names = {wanted.name for wanted in created}
    with suppress(TimeoutError):  # the check that follows says what is missing
        async with asyncio.timeout(_KNOWN_WITHIN_S):
            while not names <= (await admin.topics()).keys():  # noqa: ASYNC110 - the broker signals nothing
                await asyncio.sleep(0.05)


def _problem(wanted: WantedTopic, partitions: dict[str, int]) -> str | None:
    found = partitions.get(wanted.name)
    if found is None:
        return f"{wanted.name} is missing; create it with: tallygate topics apply"
    if found < wanted.partitions:
        return f"{wanted.name} has {found} partitions, wanted are {wanted.partitions}"
    if found > wanted.partitions and wanted.name == REPLIES.name:
        # Readers and requests name its partitions by number, so they are no matter of the broker alone.
        return f"{wanted.name} has {found} partitions, and exactly {wanted.partitions} can be served; make it anew"
    return None


@asynccontextmanager
async def connected_admin(broker: Broker) -> AsyncIterator[Admin]:
    admin = broker.admin()
    try:
        await admin.start()
    except KafkaConnectionError as error:
        servers = broker.settings.bootstrap_servers
        raise ConfigurationError(f"no broker at KAFKA_BOOTSTRAP_SERVERS={servers}") from error
    try:
        yield admin
    finally:
        await admin.stop()
