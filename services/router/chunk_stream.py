"""The chunks of one call on their way to the caller: kept, sealed, and sent by the lane, after a cut of it anew."""

import asyncio
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice

from shared.crypto import KeyRing
from shared.events import InferenceRequested
from shared.lane import Frame, Kind, Lanes
from shared.lane.payloads import Chunks, chunk_context, sealed_chunks
from shared.lane.router_side import Gateway, Lane
from shared.wire.reading.chunk_log import ChunkLog, chunks_in

_FRAME_BYTES = 1024**2  # a frame of more holds one chunk
_NO_END = 2**63


class ChunkStream:
    """Frames are numbered from 0, and hold the same chunks each time that they are sent.

    gateway: None when the chunks are only kept, for the reply. told: some of it has been handed to a lane.
    """

    def __init__(
        self, ring: KeyRing, lanes: Lanes, gateway: Gateway | None, request: InferenceRequested, attempt_number: int
    ) -> None:
        self._ring = ring
        self._lanes = lanes
        self._gateway = gateway
        self.inference_id = request.inference_id.bytes
        self._context = chunk_context(request.tenant_id, request.inference_id)
        self._attempt_number = attempt_number
        self._log = ChunkLog()
        self._chunks = array("I")  # how many each frame holds
        self._newest = b""  # lines of the newest frame
        self._lane: Lane | None = None
        self._sent = 0  # frames, by that lane
        self._gone = False  # nobody there can use them any more
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._sending = asyncio.Lock()  # what was not sent when it came
        self._resending: asyncio.Task[bool] | None = None
        self.told = False

    @property
    def goes_by_lane(self) -> bool:
        """Otherwise the reply must bring all."""
        return self._gateway is not None and not self._gone

    @property
    def is_held_back(self) -> bool:
        """The caller does not read."""
        return not self._may_read.is_set()

    @property
    def frames(self) -> int:
        return len(self._chunks)

    @property
    def kept_bytes(self) -> int:
        return self._log.size

    @property
    def log(self) -> bytes:
        """All chunks, as `shared.wire.reading.chunk_log` reads them."""
        return self._log.bytes_so_far

    def heard(self, word: Kind) -> None:
        """Of the gateway."""
        match word:
            case Kind.PAUSE:
                self._may_read.clear()
            case Kind.RESUME:
                self._may_read.set()
            case Kind.GONE:
                self._gone = True
                self._leave_lane()
                self._may_read.set()

    def close(self) -> None:
        """Nothing more is told."""
        self._leave_lane()
        if self._resending is not None:
            self._resending.cancel()

    async def until_read(self, within_s: float) -> bool:
        """Returns when the caller reads again; false when it does not in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._may_read.wait()
        return self._may_read.is_set()

    async def tell(self, lines: Sequence[bytes]) -> None:
        """Returns when they are handed to a lane, or kept while none is to be had. lines: chunks as JSON."""
        self.keep(lines)
        if self._sent == self.frames - 1 and self._lane is not None and await self._send(self._sent, self._newest):
            return
        await self._catch_up()

    def keep(self, lines: Sequence[bytes]) -> None:
        """As `tell`, but sent with what comes next."""
        joined = b"\n".join(lines)
        if len(joined) <= _FRAME_BYTES or len(lines) == 1:
            self._newest = joined
            self._log.add(joined)
            self._chunks.append(len(lines))
        else:
            half = len(lines) // 2
            self.keep(lines[:half])
            self.keep(lines[half:])

    async def reply(self, payload: bytes, within_s: float) -> bool:
        """Whether the gateway has all frames and this reply, which leaves them out, or nobody waits for them."""
        if not await self._catch_up() or self._lane is None:
            return False
        return await self._lane.ask(Frame(Kind.REPLY, self.inference_id, payload), within_s) is not None

    async def _catch_up(self) -> bool:
        """Sends what the open lane has not carried; of a new one, all. False when there is none, or none any more."""
        async with self._sending:
            lane = await self._open_lane()
            if lane is None:
                return False
            if self._sent == self.frames - 1:
                return await self._send(self._sent, self._newest)
            for sequence, lines in enumerate(self._again(), self._sent):
                if not await self._send(sequence, lines):
                    return False
            return True

    async def _open_lane(self) -> Lane | None:
        if self._gateway is None or self._gone:
            return None
        if self._lane is None or not self._lane.usable:
            self._leave_lane()
            self._lane, self._sent = await self._lanes.lane(self._gateway), 0
            if self._lane is not None:
                self._lane.at_loss(self._lost)
        return self._lane

    def _leave_lane(self) -> None:
        if self._lane is not None:
            self._lane.not_at_loss(self._lost)
            self._lane = None

    def _lost(self) -> None:
        """The lane, and with it what was on its way: that goes by another one at once, not when the next chunk comes,
        which may take long."""
        self._lane = None
        self._may_read.set()
        self._resending = asyncio.create_task(self._catch_up())

    async def _send(self, sequence: int, lines: bytes) -> bool:
        chunks = Chunks(self._attempt_number, sequence, lines)
        frame = Frame(Kind.CHUNK, self.inference_id, sealed_chunks(self._ring, self._context, chunks))
        lane = self._lane
        if lane is None or not await lane.send(frame) or lane is not self._lane:
            return False
        self._sent, self.told = sequence + 1, True
        return True

    def _again(self) -> Iterator[bytes]:
        """The lines of the frames that were not sent."""
        if self._sent == self.frames:
            return
        lines = chunks_in(self._log.bytes_so_far, _NO_END)
        for count in self._chunks[: self._sent]:
            for _ in islice(lines, count):
                pass
        for count in self._chunks[self._sent :]:
            yield b"\n".join(islice(lines, count))
