"""What a group has committed, read so that an error is not taken for "nothing".

While a broker that has just started is loading what groups have committed, it tells an error of the whole group, and of
the partitions none. The client looks at the partitions alone: those that are missing pass for never committed, and are
read from their beginning. A router would make every call again whose request is there.
"""

from typing import Any

from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import for_code
from aiokafka.protocol.commit import OffsetFetchRequest

_send = GroupCoordinator._send_req


async def _sent(coordinator: GroupCoordinator, request: Any) -> Any:
    response = await _send(coordinator, request)
    if isinstance(request, OffsetFetchRequest) and (code := getattr(response, "error_code", 0)):
        coordinator.coordinator_dead()  # who has the group is asked anew
        raise for_code(code)
    return response


def heed_group_errors() -> None:
    """From now on every consumer of this process does so, and asks again where that helps. The client has no setting
    for it; its version is pinned."""
    GroupCoordinator._send_req = _sent
