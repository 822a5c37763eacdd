"""The ways on which replies come back to a process that asks for inferences: the reply topic, and the lane."""

import socket
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from shared.crypto import KeyRing
from shared.errors import ConfigurationError
from shared.events import ReplyTo
from shared.events.bounds import REPLY_PARTITIONS
from shared.events.topics import MAX_EVENT_BYTES
from shared.inferences import ByLane, Pending
from shared.kafka.replies import ReplyReader, partition_of
from shared.lane import Listener
from shared.service.checks import holds, is_read
from shared.service.running import Service
from shared.service.settings import ServiceSettings
from shared.settings import Beyond, variables
from shared.telemetry import names
from shared.telemetry.health import Check
from shared.telemetry.instruments import Gauge

_waiting = Gauge(names.METRIC_WAITING, "Those who wait for a reply to this process.")
_streams = Gauge(names.METRIC_STREAMS, "Streams of answers that are told to callers of this process.")

_ANY_ADDRESS = ("0.0.0.0", "::")


class WaysBackSettings(ServiceSettings):
    """Of a service that asks for inferences."""

    reply_partition: int | None = Field(
        default=None, ge=0, lt=REPLY_PARTITIONS,
        description="which of the 64 partitions of `inference.replies.v1` to read, as a StatefulSet's ordinal. None: "
        "from the instance's configured name. Two processes on one partition are both right, but read more",
    )  # fmt: skip
    reply_by: Literal["auto", "topic", "lane"] = Field(
        default="auto",
        description="how replies come back: auto, by the lane, and by the reply topic where the lane cannot be had. "
        "topic, lane: by that one only; streams are then told at their end, or not at all where routers cannot connect",
    )
    lane_host: str = Field(
        default="127.0.0.1", min_length=1, max_length=253,
        description="the address on which routers connect for the reply lane. Elsewhere than on this machine, one that "
        "they reach, such as 0.0.0.0",
    )  # fmt: skip
    lane_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=0, description="the lane's port. 0: any that is free, which requests name"
    )
    lane_advertised_host: str | None = Field(
        default=None, min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:-]+$",
        description="the name or address under which routers find it. None: that on which it listens; where that is "
        "any, the machine's own name",
    )  # fmt: skip
    max_lanes: Annotated[int, Beyond(words="the oldest that has proven nothing is closed, or the new one")] = Field(
        default=256, ge=1, le=100_000,
        description="connections of routers for the reply lane; each router has one to each process that asks",
    )  # fmt: skip

    @property
    def partition(self) -> int:
        return partition_of(self.instance_name) if self.reply_partition is None else self.reply_partition

    @property
    def lane_address(self) -> str:
        """Under which routers find the lane."""
        if self.lane_advertised_host is not None:
            return self.lane_advertised_host
        return socket.gethostname() if self.lane_host in _ANY_ADDRESS else self.lane_host


class WaysBack(NamedTuple):
    """Of replies: their partition of the topic, the address of the lane; None where they are not to come that way."""

    partition: int | None
    reply_to: ReplyTo | None
    checks: dict[str, Check]


async def ways_back(service: Service, settings: WaysBackSettings, ring: KeyRing, pending: Pending) -> WaysBack:
    """Raises ConfigurationError when the lane's address cannot be listened on."""
    _waiting.set_function(lambda: pending.waiting)
    _streams.set_function(lambda: pending.streams)
    partition, reply_to, checks = None, None, {}
    if settings.reply_by != "lane":
        replies = await service.start(ReplyReader(service.broker, settings.partition, pending.on_reply))
        partition, checks["replies"] = settings.partition, is_read(replies)
    if settings.reply_by != "topic":
        lanes = Listener(
            ring=ring,
            gateway_id=settings.instance,
            on_frame=ByLane(ring, pending).on_frame,
            max_frame_bytes=MAX_EVENT_BYTES,
            max_lanes=settings.max_lanes,
        )
        try:
            port = await lanes.start(settings.lane_host, settings.lane_port)
        except OSError as error:
            named = variables(type(settings))
            where = f"{named['lane_host']}={settings.lane_host}, {named['lane_port']}={settings.lane_port}"
            raise ConfigurationError(f"{where}: the reply lane cannot listen there: {error.strerror}") from error
        service.at_stop(lanes.stop)
        reply_to = ReplyTo(host=settings.lane_address, port=port, gateway_id=settings.instance)
        checks["lane"] = holds(lambda: lanes.listens, "the reply lane does not listen any more")
    return WaysBack(partition, reply_to, checks)
