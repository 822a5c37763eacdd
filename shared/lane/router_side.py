"""The router's end of the lanes: one connection to each gateway, opened when it is first needed."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import structlog

from shared.crypto import KeyRing
from shared.lane.frames import BrokenLaneError, Frame, FrameReader, Kind
from shared.lane.handshake import proof, prove_back
from shared.lane.sockets import watched
from shared.memory import Memory

logger = structlog.get_logger(__name__)

REST_S = 5.0  # an address that could not be reached is not tried again within this
_OPEN_WITHIN_S = 2.0
_MAX_LANES = 256  # open or being opened; the requests beyond them are answered by the topic
_MAX_FRAME_BYTES = 1024  # of what a gateway sends
_REMEMBERED = 10_000
_HIGH_WATER_BYTES = 1024**2  # not taken by the gateway: above it streams wait


class Gateway(NamedTuple):
    """Where the lane of a request leads. gateway_id: of the life that published it."""

    host: str
    port: int
    gateway_id: str


class Lanes:
    """on_word: hears PAUSE, RESUME and GONE of the gateways."""

    def __init__(self, ring: KeyRing, on_word: Callable[[Frame], None], max_lanes: int = _MAX_LANES) -> None:
        self._ring = ring
        self._on_word = on_word
        self._max_lanes = max_lanes
        self._open: dict[Gateway, Lane] = {}
        self._opening: dict[Gateway, asyncio.Task[Lane | None]] = {}
        self._tried: Memory[Gateway, float] = Memory(_REMEMBERED)

    async def lane(self, gateway: Gateway) -> "Lane | None":
        """The open one; None when there is none to be had, and the reply topic has to serve."""
        lane = self._open.get(gateway)
        if lane is not None:
            return lane
        opening = self._opening.get(gateway)
        if opening is None:
            if self._rests(gateway) or not self._has_room(gateway):
                return None
            opening = self._opening[gateway] = asyncio.create_task(self._opened(gateway), name="lane")
        return await asyncio.shield(opening)

    async def send(self, gateway: Gateway, frame: Frame) -> bool:
        """Whether it was handed to the connection; false when there is none.

        Waits while the gateway takes less than is sent. That it was handed over does not say that it arrived.
        """
        lane = await self.lane(gateway)
        return lane is not None and await lane.send(frame)

    async def reply(self, gateway: Gateway, inference_id: bytes, payload: bytes, within_s: float) -> bool:
        """Whether the gateway has said that it has it, or that nobody waits for it any more. If not, the reply topic
        serves; the gateway may have it all the same, and takes the first of two.
        """
        lane = await self.lane(gateway)
        return lane is not None and await lane.ask(Frame(Kind.REPLY, inference_id, payload), within_s) is not None

    async def stop(self) -> None:
        for opening in self._opening.values():
            opening.cancel()
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        for lane in list(self._open.values()):
            lane.close()

    def _rests(self, gateway: Gateway) -> bool:
        tried_at = self._tried.get(gateway)
        return tried_at is not None and asyncio.get_running_loop().time() - tried_at < REST_S

    def _has_room(self, gateway: Gateway) -> bool:
        """Requests may name any address. Who proves nothing has a place for as long as opening may take."""
        if len(self._open) + len(self._opening) < self._max_lanes:
            return True
        logger.warning("lane.no_room", host=gateway.host, port=gateway.port, lanes=self._max_lanes)
        self._tried.put(gateway, asyncio.get_running_loop().time())
        return False

    async def _opened(self, gateway: Gateway) -> "Lane | None":
        loop = asyncio.get_running_loop()
        lane = Lane(self._ring, gateway.gateway_id, self._on_word)
        try:
            async with asyncio.timeout(_OPEN_WITHIN_S):
                await loop.create_connection(lambda: lane, gateway.host, gateway.port)
                await lane.ready.wait()
        except (OSError, TimeoutError, UnicodeError) as error:  # the last one for what can be no host name
            logger.warning("lane.not_open", host=gateway.host, port=gateway.port, reason=type(error).__name__)
            lane.close()
        finally:
            del self._opening[gateway]
        if not lane.usable:
            self._tried.put(gateway, loop.time())
            return None
        self._open[gateway] = lane
        lane.at_loss(lambda: self._open.pop(gateway))
        return lane


class Lane(asyncio.Protocol):
    """One connection to a gateway. ready: the handshake is over, well or not."""

    def __init__(self, ring: KeyRing, gateway_id: str, on_word: Callable[[Frame], None]) -> None:
        self._ring = ring
        self._gateway_id = gateway_id
        self._on_word = on_word
        self._frames = FrameReader(_MAX_FRAME_BYTES)
        self._nonce: bytes | None = None  # that the gateway is to prove itself by
        self._proven = False
        self._transport: asyncio.Transport | None = None
        self._may_write = asyncio.Event()
        self._unsent: list[bytes] = []  # since the loop went round: they leave together
        self._asked: dict[bytes, list[asyncio.Future[Kind | None]]] = {}  # by inference
        self._at_loss: set[Callable[[], object]] = set()
        self._heard_frames = 0
        self.ready = asyncio.Event()

    @property
    def usable(self) -> bool:
        return self._proven and self._transport is not None and not self._transport.is_closing()

    def at_loss(self, tell: Callable[[], object]) -> None:
        """`tell` is called when the connection is lost."""
        self._at_loss.add(tell)

    def not_at_loss(self, tell: Callable[[], object]) -> None:
        self._at_loss.discard(tell)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = watched(transport)
        self._transport.set_write_buffer_limits(_HIGH_WATER_BYTES)
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
        self._unsent.clear()
        self.ready.set()
        for inference_id in list(self._asked):
            self._answer(inference_id, None)
        told, self._at_loss = self._at_loss, set()
        for tell in told:
            tell()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    async def send(self, frame: Frame) -> bool:
        """As `Lanes.send`."""
        if not self._may_write.is_set():
            await self._may_write.wait()
        if not self.usable:
            return False
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(frame.encoded())
        return True

    async def ask(self, frame: Frame, within_s: float) -> Kind | None:
        """By which word the gateway answered; None: by none in time. When it said nothing at all meanwhile, the lane is
        closed."""
        answer: asyncio.Future[Kind | None] = asyncio.get_running_loop().create_future()
        waiting = self._asked.setdefault(frame.inference_id, [])
        waiting.append(answer)
        heard = self._heard_frames
        try:
            async with asyncio.timeout(within_s):
                return await answer if await self.send(frame) else None
        except TimeoutError:
            logger.warning("lane.no_answer", kind=frame.kind.name, within_s=within_s)
            if self._heard_frames == heard:
                self.close()
            return None
        finally:
            waiting.remove(answer)
            if not waiting and self._asked.get(frame.inference_id) is waiting:
                del self._asked[frame.inference_id]

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if unsent and self._transport is not None:
            self._transport.write(unsent[0] if len(unsent) == 1 else b"".join(unsent))

    def _heard(self, frame: Frame) -> None:
        self._heard_frames += 1
        match frame.kind:
            case _ if not self._proven:
                self._shake_hands(frame)
            case Kind.TAKEN | Kind.FRESH | Kind.BEGUN:
                self._answer(frame.inference_id, frame.kind)
            case Kind.GONE:
                self._answer(frame.inference_id, frame.kind)
                self._on_word(frame)
            case Kind.PAUSE | Kind.RESUME:
                self._on_word(frame)
            case _:
                raise BrokenLaneError(f"a gateway does not send {frame.kind.name}")

    def _shake_hands(self, frame: Frame) -> None:
        if self._transport is None:
            return
        if self._nonce is None:
            proven = proof(self._ring, self._gateway_id, frame)
            self._nonce = proven.nonce
            self._transport.write(proven.frame.encoded())
        else:
            prove_back(self._ring, self._gateway_id, self._nonce, frame)
            self._proven = True
            self.ready.set()

    def _answer(self, inference_id: bytes, word: Kind | None) -> None:
        for answer in self._asked.get(inference_id, ()):
            if not answer.done():
                answer.set_result(word)
