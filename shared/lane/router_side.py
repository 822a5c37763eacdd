"""The router's end of the lanes: one connection to each gateway, opened when it is first needed."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, cast

import structlog

from shared.crypto import KeyRing
from shared.lane.frames import BrokenLaneError, Frame, FrameReader, Kind
from shared.lane.handshake import proof
from shared.memory import Memory

logger = structlog.get_logger(__name__)

_OPEN_WITHIN_S = 2.0
_REST_S = 5.0  # an address that could not be reached is not tried again within this
_MAX_FRAME_BYTES = 1024  # of what a gateway sends
_REMEMBERED = 10_000


class Gateway(NamedTuple):
    """Where the lane of a request leads. gateway_id: of the life that published it."""

    host: str
    port: int
    gateway_id: str


class Lanes:
    """on_word: hears PAUSE, RESUME and GONE of the gateways."""

    def __init__(self, ring: KeyRing, on_word: Callable[[Frame], None]) -> None:
        self._ring = ring
        self._on_word = on_word
        self._open: dict[Gateway, asyncio.Task[_Lane | None]] = {}
        self._tried: Memory[Gateway, float] = Memory(_REMEMBERED)

    async def send(self, gateway: Gateway, frame: Frame) -> bool:
        """Whether it was handed to the connection; false when there is none, and the reply topic has to serve.

        Waits while the gateway takes less than is sent. That it was handed over does not say that it arrived.
        """
        lane = await self._lane(gateway)
        return lane is not None and await lane.send(frame)

    async def reply(self, gateway: Gateway, inference_id: bytes, payload: bytes, within_s: float) -> bool:
        """Whether the gateway has said that it has it. If not, the reply topic serves; the gateway may have it all
        the same, and takes the first of two.
        """
        lane = await self._lane(gateway)
        if lane is None:
            return False
        try:
            async with asyncio.timeout(within_s):
                return await lane.reply(Frame(Kind.REPLY, inference_id, payload))
        except TimeoutError:
            return False

    async def stop(self) -> None:
        for opening in self._open.values():
            opening.cancel()
        for lane in await asyncio.gather(*self._open.values(), return_exceptions=True):
            if isinstance(lane, _Lane):
                lane.close()
        self._open.clear()

    async def _lane(self, gateway: Gateway) -> "_Lane | None":
        opening = self._open.get(gateway)
        if opening is None or (opening.done() and not _usable(opening)):
            if self._rests(gateway):
                return None
            opening = self._open[gateway] = asyncio.create_task(self._opened(gateway), name="lane")
        return await asyncio.shield(opening)

    def _rests(self, gateway: Gateway) -> bool:
        tried_at = self._tried.get(gateway)
        return tried_at is not None and asyncio.get_running_loop().time() - tried_at < _REST_S

    async def _opened(self, gateway: Gateway) -> "_Lane | None":
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_OPEN_WITHIN_S):
                _, lane = await loop.create_connection(
                    lambda: _Lane(self._ring, gateway.gateway_id, self._on_word), gateway.host, gateway.port
                )
                await lane.ready.wait()
        except (OSError, TimeoutError) as error:
            logger.warning("lane.not_open", host=gateway.host, port=gateway.port, reason=type(error).__name__)
            self._tried.put(gateway, loop.time())
            return None
        if not lane.usable:
            self._tried.put(gateway, loop.time())
            return None
        return lane


def _usable(opening: "asyncio.Task[_Lane | None]") -> bool:
    if opening.cancelled() or opening.exception() is not None:
        return False
    lane = opening.result()
    return lane is not None and lane.usable


class _Lane(asyncio.Protocol):
    """ready: the handshake is over, well or not."""

    def __init__(self, ring: KeyRing, gateway_id: str, on_word: Callable[[Frame], None]) -> None:
        self._ring = ring
        self._gateway_id = gateway_id
        self._on_word = on_word
        self._frames = FrameReader(_MAX_FRAME_BYTES)
        self._transport: asyncio.Transport | None = None
        self._may_write = asyncio.Event()
        self._answers: dict[bytes, asyncio.Future[bool]] = {}  # to replies, by inference
        self.ready = asyncio.Event()

    @property
    def usable(self) -> bool:
        return self.ready.is_set() and self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass of it
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._frames.read(data):
                self._heard(frame)
        except BrokenLaneError as error:
            logger.warning("lane.broken", reason=str(error))
            self.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        self._may_write.set()  # whoever waits to write finds it closed
        self.ready.set()
        for inference_id in list(self._answers):
            self._answered(inference_id, False)

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    async def send(self, frame: Frame) -> bool:
        await self._may_write.wait()
        if self._transport is None or self._transport.is_closing():
            return False
        self._transport.write(frame.encoded())
        return True

    async def reply(self, frame: Frame) -> bool:
        """Whether the gateway answered that it has it."""
        answer = self._answers[frame.inference_id] = asyncio.get_running_loop().create_future()
        try:
            return await self.send(frame) and await answer
        finally:
            self._answers.pop(frame.inference_id, None)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _heard(self, frame: Frame) -> None:
        if self.ready.is_set():
            if frame.kind in (Kind.TAKEN, Kind.GONE):
                self._answered(frame.inference_id, True)
            if frame.kind is not Kind.TAKEN:
                self._on_word(frame)
        elif self._transport is not None:
            self._transport.write(proof(self._ring, self._gateway_id, frame).encoded())
            self.ready.set()

    def _answered(self, inference_id: bytes, has_it: bool) -> None:
        answer = self._answers.get(inference_id)
        if answer is not None and not answer.done():
            answer.set_result(has_it)
