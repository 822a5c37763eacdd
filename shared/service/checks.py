"""Checks for `/readyz`, each with the one sentence that it says when something is wrong."""

from collections.abc import Callable
from typing import Any

from shared.kafka.keeper import Keeper
from shared.kafka.publisher import Publisher
from shared.kafka.replies import ReplyReader
from shared.registry import Registry
from shared.telemetry.health import Check


def holds(condition: Callable[[], bool], otherwise: str) -> Check:
    async def check() -> str | None:
        return None if condition() else otherwise

    return check


def is_acked(publisher: Publisher) -> Check:
    async def check() -> str | None:
        if publisher.failing_since is None:
            return None
        return f"the broker does not acknowledge what is published: {publisher.failing_because}"

    return check


def is_kept(keeper: Keeper[Any]) -> Check:
    async def check() -> str | None:
        return None if keeper.held_up is None else f"events wait to be stored: {keeper.held_up}"

    return check


def is_read(replies: ReplyReader) -> Check:
    return holds(lambda: replies.running, "replies are not being read")


def is_current(registry: Registry) -> Check:
    return holds(lambda: not registry.stale, "the registry could not be read for minutes")
