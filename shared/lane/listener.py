"""The gateway's end of the lane: routers connect here."""

import asyncio
from collections.abc import Callable

import structlog

from shared.crypto import KeyRing
from shared.lane.frames import BrokenLaneError, Frame, FrameReader, Kind
from shared.lane.handshake import challenge, prove

logger = structlog.get_logger(__name__)

_PROOF_WITHIN_S = 5.0


class Listener:
    """on_frame: hears every CHUNK and REPLY, and says whether anybody here waits for its inference.

    gateway_id: of this life of the gateway. max_lanes: connections that are open at a time, proven or not.
    """

    def __init__(
        self, ring: KeyRing, gateway_id: str, on_frame: Callable[[Frame, "Lane"], bool], max_frame_bytes: int,
        max_lanes: int,
    ) -> None:  # fmt: skip
        self._ring = ring
        self._gateway_id = gateway_id
        self._on_frame = on_frame
        self._max_frame_bytes = max_frame_bytes
        self._max_lanes = max_lanes
        self._lanes: set[Lane] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """The port that it listens on: a free one when `port` is 0."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._lane, host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for lane in list(self._lanes):
            lane.close()
        if self._server is not None:
            await self._server.wait_closed()

    def _lane(self) -> "Lane":
        return Lane(self._ring, self._gateway_id, self._on_frame, self._lanes, self._max_lanes, self._max_frame_bytes)


class Lane(asyncio.Protocol):
    """One connection of a router."""

    def __init__(
        self, ring: KeyRing, gateway_id: str, on_frame: Callable[[Frame, "Lane"], bool], lanes: set["Lane"],
        max_lanes: int, max_frame_bytes: int,
    ) -> None:  # fmt: skip
        self._ring = ring
        self._gateway_id = gateway_id
        self._on_frame = on_frame
        self._lanes = lanes
        self._max_lanes = max_lanes
        self._frames = FrameReader(max_frame_bytes)
        self._challenged = challenge()
        self._proven = False
        self._proof_due: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a lane is a stream")
        self._transport = transport
        if len(self._lanes) >= self._max_lanes:
            logger.warning("lane.refused", reason=f"{self._max_lanes} are open, the limit")
            self.close()
            return
        self._lanes.add(self)
        self._proof_due = asyncio.get_running_loop().call_later(_PROOF_WITHIN_S, self.close)
        self._send(self._challenged)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._frames.read(data):
                self._heard(frame)
        except BrokenLaneError as error:
            logger.warning("lane.broken", reason=str(error))
            self.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self._lanes.discard(self)
        if self._proof_due is not None:
            self._proof_due.cancel()

    def pause(self, inference_id: bytes) -> None:
        """The caller does not read: the router is to read no more of this inference's stream."""
        self._send(Frame(Kind.PAUSE, inference_id))

    def resume(self, inference_id: bytes) -> None:
        self._send(Frame(Kind.RESUME, inference_id))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _heard(self, frame: Frame) -> None:
        if not self._proven:
            prove(self._ring, self._gateway_id, self._challenged, frame)
            self._proven = True
            if self._proof_due is not None:
                self._proof_due.cancel()
        elif frame.kind not in (Kind.CHUNK, Kind.REPLY):
            raise BrokenLaneError(f"a router does not send {frame.kind.name}")
        elif not self._on_frame(frame, self):
            self._send(Frame(Kind.GONE, frame.inference_id))
        elif frame.kind is Kind.REPLY:
            self._send(Frame(Kind.TAKEN, frame.inference_id))

    def _send(self, frame: Frame) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame.encoded())
