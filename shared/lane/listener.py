"""The gateway's end of the lane: routers connect here."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from shared.crypto import KeyRing
from shared.lane.frames import BrokenLaneError, Frame, FrameReader, Kind
from shared.lane.handshake import challenge, prove
from shared.lane.sockets import watched

logger = structlog.get_logger(__name__)

_PROOF_WITHIN_S = 5.0
_MAX_PROOF_BYTES = 1024
_FROM_ROUTERS = (Kind.CHUNK, Kind.REPLY, Kind.ASK)


@dataclass(slots=True, kw_only=True)
class Listener:
    """on_frame: hears every CHUNK, REPLY and ASK, and says by which word it is answered; None: by none. It raises
    BrokenLaneError for what cannot be read, which ends that connection and no other.

    gateway_id: of this life of the gateway. max_lanes: connections that are open at a time, proven or not; when there
    are so many, the oldest that has proven nothing makes room.
    """

    ring: KeyRing
    gateway_id: str
    on_frame: Callable[[Frame, "Lane"], Kind | None]
    max_frame_bytes: int
    max_lanes: int
    proof_within_s: float = _PROOF_WITHIN_S
    _proven: set["Lane"] = field(default_factory=set, init=False)
    _unproven: dict["Lane", None] = field(default_factory=dict, init=False)  # the oldest first
    _server: asyncio.Server | None = field(default=None, init=False)

    async def start(self, host: str, port: int) -> int:
        """The port that it listens on: a free one when `port` is 0. Raises OSError."""
        self._server = await asyncio.get_running_loop().create_server(lambda: Lane(self), host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for lane in (*self._proven, *self._unproven):
            lane.close()
        if self._server is not None:
            await self._server.wait_closed()

    @property
    def listens(self) -> bool:
        return self._server is not None and self._server.is_serving()

    def opened(self, lane: "Lane") -> bool:
        """Whether there is room for it."""
        if len(self._proven) + len(self._unproven) >= self.max_lanes:
            logger.warning("lane.refused", reason=f"{self.max_lanes} are open, the limit")
            oldest = next(iter(self._unproven), None)
            if oldest is None:
                return False
            del self._unproven[oldest]
            oldest.close()
        self._unproven[lane] = None
        return True

    def proven(self, lane: "Lane") -> None:
        self._unproven.pop(lane, None)
        self._proven.add(lane)

    def closed(self, lane: "Lane") -> None:
        self._unproven.pop(lane, None)
        self._proven.discard(lane)


class Lane(asyncio.Protocol):
    """One connection of a router."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._frames = FrameReader(_MAX_PROOF_BYTES)  # of who has proven nothing
        self._words: list[bytes] = []  # that answer what came at once, and leave together
        self._challenged = challenge()
        self._proven = False
        self._proof_due: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = watched(transport)
        if not self._listener.opened(self):
            self.close()
            return
        self._proof_due = asyncio.get_running_loop().call_later(self._listener.proof_within_s, self.close)
        self._send(self._challenged)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._frames.read(data):
                self._heard(frame)
        except BrokenLaneError as error:
            logger.warning("lane.broken", reason=str(error))
            self.close()
        if self._words:
            self._write(b"".join(self._words))
            self._words.clear()

    def connection_lost(self, _error: Exception | None) -> None:
        self._listener.closed(self)
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
            self._prove(frame)
            return
        if frame.kind not in _FROM_ROUTERS:
            raise BrokenLaneError(f"a router does not send {frame.kind.name}")
        answer = self._listener.on_frame(frame, self)
        if answer is not None:
            self._words.append(Frame(answer, frame.inference_id).encoded())

    def _prove(self, frame: Frame) -> None:
        """Raises BrokenLaneError."""
        self._send(prove(self._listener.ring, self._listener.gateway_id, self._challenged, frame))
        self._proven = True
        self._frames.max_bytes = self._listener.max_frame_bytes
        self._listener.proven(self)
        if self._proof_due is not None:
            self._proof_due.cancel()

    def _send(self, frame: Frame) -> None:
        self._write(frame.encoded())

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
