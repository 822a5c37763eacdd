"""The topics as a run needs them: more request partitions than we make, one for replies, and the broker's own time."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.events.topics import HEARTBEATS, OUTCOMES, REQUESTS, wanted_topics
from tests.chaos.upstream_records import REQUEST_PARTITIONS

INGRESS, REPLIES = "patient.requests", "replies.patient"

_STAMP = {"message.timestamp.type": "LogAppendTime"}
_STAMPED: Sequence[str] = (OUTCOMES.name, HEARTBEATS.name)


async def prepare(bootstrap_servers: str) -> None:
    async with _admin(bootstrap_servers) as admin:
        await admin.create_partitions({REQUESTS.name: NewPartitions(REQUEST_PARTITIONS)})
        await admin.create_topics([NewTopic(REPLIES, 1, 1, topic_configs=_STAMP)])
    await stamp(bootstrap_servers)


async def stamp(bootstrap_servers: str) -> None:
    """Settlements and heartbeats get the broker's time from now on."""
    # What is not named goes back to the broker's default.
    configs = {one.name: dict(one.config) | _STAMP for one in wanted_topics() if one.name in _STAMPED}
    async with _admin(bootstrap_servers) as admin:
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name, config) for name, config in configs.items()]
        )


@asynccontextmanager
async def _admin(bootstrap_servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
