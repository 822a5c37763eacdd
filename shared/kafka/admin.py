"""Create what is missing on the broker, and say what differs from the list."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, TopicAlreadyExistsError

from shared.errors import ConfigurationError
from shared.events.topics import WantedTopic, wanted_topics
from shared.kafka.settings import KafkaSettings

_KNOWN_WITHIN_S = 10.0


async def apply_topics(settings: KafkaSettings) -> list[str]:
    """Names of the topics that were created. Topics that exist are left as they are; `check_topics` compares them."""
    async with connected_admin(settings) as admin:
        present = set(await admin.list_topics())
        missing = [wanted for wanted in wanted_topics() if wanted.name not in present]
        if missing:
            created = await admin.create_topics([_new_topic(settings, wanted) for wanted in missing])
            _raise_failures(created)
            await _wait_until_known(admin, missing)
    return [wanted.name for wanted in missing]


async def check_topics(settings: KafkaSettings) -> list[str]:
    """One sentence for each topic that is missing or differs; empty when all is as wanted."""
    async with connected_admin(settings) as admin:
        described = await admin.describe_topics()
    partitions = {topic["topic"]: len(topic["partitions"]) for topic in described}
    return [problem for wanted in wanted_topics() if (problem := _problem(wanted, partitions)) is not None]


async def _wait_until_known(admin: AIOKafkaAdminClient, created: list[WantedTopic]) -> None:
    """The controller has made them; the broker that is asked next may hear of it a moment later."""
    names = {wanted.name for wanted in created}
    with suppress(TimeoutError):  # the check that follows says what is missing
        async with asyncio.timeout(_KNOWN_WITHIN_S):
            while not names <= set(await admin.list_topics()):  # noqa: ASYNC110 - the broker signals nothing
                await asyncio.sleep(0.05)


def _problem(wanted: WantedTopic, partitions: dict[str, int]) -> str | None:
    found = partitions.get(wanted.name)
    if found is None:
        return f"{wanted.name} is missing; create it with: tallygate topics apply"
    if found < wanted.partitions:
        return f"{wanted.name} has {found} partitions, wanted are {wanted.partitions}"
    return None


@asynccontextmanager
async def connected_admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**settings.connection())
    try:
        await admin.start()
    except KafkaConnectionError as error:
        raise ConfigurationError(f"no broker at KAFKA_BOOTSTRAP_SERVERS={settings.bootstrap_servers}") from error
    try:
        yield admin
    finally:
        await admin.close()


def _new_topic(settings: KafkaSettings, wanted: WantedTopic) -> NewTopic:
    config = dict(wanted.config) | {"min.insync.replicas": str(max(1, settings.replication_factor - 1))}
    return NewTopic(wanted.name, wanted.partitions, settings.replication_factor, topic_configs=config)


def _raise_failures(response: object) -> None:
    for name, code, *message in getattr(response, "topic_errors", ()):
        if code not in (0, TopicAlreadyExistsError.errno):
            raise ConfigurationError(f"topic {name} could not be created: error {code} {message}")
