"""An error of a whole group is not taken for a group that has committed nothing."""

from typing import Any
from unittest.mock import Mock

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import GroupAuthorizationFailedError
from aiokafka.protocol.commit import OffsetFetchResponse_v3
from aiokafka.structs import OffsetAndMetadata

import shared.kafka.real  # noqa: F401 - as every consumer of ours is made

PLACE = TopicPartition("inference.bulk.v1", 2)
LOADING, NO_COORDINATOR, FORBIDDEN = 14, 16, 30


class _Client:
    def __init__(self, *responses: OffsetFetchResponse_v3) -> None:
        self.responses = list(responses)

    async def send(self, *_: object, **__: object) -> OffsetFetchResponse_v3:
        return self.responses.pop(0)


def _coordinator(*responses: OffsetFetchResponse_v3) -> Any:
    """Of which only the way to the broker is used."""

    async def found() -> None: ...

    coordinator = GroupCoordinator.__new__(GroupCoordinator)
    vars(coordinator).update(
        _client=_Client(*responses), group_id="router-bulk", coordinator_id=1, _retry_backoff_ms=0,
        coordinator_dead=Mock(), ensure_coordinator_known=found,
    )  # fmt: skip
    return coordinator


def _group_error(code: int) -> OffsetFetchResponse_v3:
    return OffsetFetchResponse_v3(0, [], code)


async def test_what_is_committed_is_asked_for_until_the_group_can_be_asked() -> None:
    told = OffsetFetchResponse_v3(0, [(PLACE.topic, [(PLACE.partition, 116, "", 0)])], 0)
    coordinator = _coordinator(_group_error(LOADING), _group_error(NO_COORDINATOR), told)
    assert await coordinator.fetch_committed_offsets([PLACE]) == {PLACE: OffsetAndMetadata(116, "")}
    assert coordinator.coordinator_dead.call_count == 2


async def test_what_does_not_help_is_told() -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await _coordinator(_group_error(FORBIDDEN)).fetch_committed_offsets([PLACE])
