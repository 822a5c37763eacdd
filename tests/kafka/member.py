"""Joins a group and stays, so that it can be killed: `python -m tests.kafka.member SERVERS TOPIC GROUP`."""

import asyncio
import sys

from shared.kafka.real import RealBroker
from shared.kafka.settings import KafkaSettings
from tests.kafka.bench import Handling, topic_named


async def stay(servers: str, topic: str, group: str) -> None:
    broker = RealBroker(KafkaSettings(bootstrap_servers=servers))
    await broker.subscribe((topic_named(topic, 1),), group, Handling(), graceful_timeout_s=1.0).start()
    sys.stdout.write("joined\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(stay(*sys.argv[1:]))
