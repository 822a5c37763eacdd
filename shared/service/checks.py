"""Checks for `/readyz`, each with the one sentence that it says when something is wrong."""

from collections.abc import Callable

from shared.kafka.publisher import Publisher
from shared.kafka.replies import ReplyReader
from shared.registry import Registry
from shared.telemetry.health import Check


def holds(condition: Callable[[], bool], otherwise: str) -> Check:
    async def check() -> str | None:
        return None if condition() else otherwise

    return check


def is_acked(publisher: Publisher) -> Check:
    return holds(lambda: publisher.failing_since is None, "the broker does not acknowledge what is published")


def is_read(replies: ReplyReader) -> Check:
    return holds(lambda: replies.running, "replies are not being read")


def is_current(registry: Registry) -> Check:
    return holds(lambda: not registry.stale, "the registry could not be read for minutes")
