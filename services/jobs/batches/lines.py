"""The lines of a batch's input file: those that are in flight, and the ones that come next."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import orjson

from services.jobs.batches.checking import LONGEST_LINE, BatchLine, LineError, is_blank, read_line
from shared.batches import Endpoint
from shared.batches.store import BatchState, LineInFlight, TakenBatch
from shared.crypto import KeyRing, SealedContext, seal
from shared.errors import TallygateError
from shared.events import new_id
from shared.files import File, Files, Line

_ROUND_BYTES = 4 * 1024 * 1024  # of lines that are begun at a time, as a round holds them: a text of a text
_REST_LINES, _REST_BYTES = 1000, 1024 * 1024  # of lines that are written off at a time
_RESPONSES = "/v1/responses"


@dataclass(slots=True)
class InFlight:
    """body: while it is to be published. again: it may have been."""

    row: LineInFlight
    body: str | None
    again: bool


class Unbegun(NamedTuple):
    """A line that will not be begun. line: its number."""

    line: int
    custom_id: str


class InputLines:
    """lines: of the file `given`, from where the batch stands. next_line, next_offset: of what nobody has claimed."""

    def __init__(
        self, job: TakenBatch, files: Files, ring: KeyRing, given: File, lines: AsyncIterator[Line], state: BatchState
    ) -> None:
        self.next_line = state.next_line
        self.next_offset = state.next_offset
        self._job = job
        self._files = files
        self._ring = ring
        self._given = given
        self._lines = lines

    @property
    def at_end(self) -> bool:
        return self.next_offset >= self._given.size

    async def claim(self, most: int) -> list[InFlight]:
        """The next lines, with the ids of their inferences."""
        claimed: list[InFlight] = []
        size = 0
        while len(claimed) < most and size < _ROUND_BYTES and (found := await self._next()) is not None:
            number, line = found
            read, inference_id = _read(line, self._job.endpoint), new_id()
            size += len(orjson.dumps(read.body))
            request = self._sealed_request(inference_id, read.body)
            row = LineInFlight(number, inference_id, read.custom_id, line.start, line.end - line.start, request)
            claimed.append(InFlight(row, read.body, again=False))
        return claimed

    async def leave(self) -> list[Unbegun]:
        """Some of the next lines, which are not to be begun any more."""
        left: list[Unbegun] = []
        size = 0
        while len(left) < _REST_LINES and size < _REST_BYTES and (found := await self._next()) is not None:
            number, line = found
            size += line.end - line.start
            left.append(Unbegun(number, _read(line, self._job.endpoint).custom_id))
        return left

    async def bodies(self, rows: Sequence[LineInFlight]) -> dict[int, str]:
        """By line, of lines that were claimed before, in their order."""
        found: dict[int, str] = {}
        left = deque(rows)
        async with aclosing(self._files.lines(self._given, rows[0].at if rows else 0, LONGEST_LINE)) as lines:
            while left and (line := await anext(lines, None)) is not None:
                if line.start == left[0].at:
                    found[left.popleft().line] = _read(line, self._job.endpoint).body
        if left:
            raise TallygateError("internal", f"line {left[0].line} is not where it was")
        return found

    async def _next(self) -> tuple[int, Line] | None:
        """The next line that is not blank, with its number; None at the end."""
        async for line in self._lines:
            number, self.next_line, self.next_offset = self.next_line, self.next_line + 1, line.end
            if not is_blank(line.text):
                return number, line
        return None

    def _sealed_request(self, inference_id: UUID, body: str) -> str | None:
        """What the answer will be told with."""
        if self._job.endpoint != _RESPONSES:
            return None
        return seal(self._ring, SealedContext(self._job.tenant_id, "batch_line", str(inference_id)), body.encode())


def _read(line: Line, endpoint: Endpoint) -> BatchLine:
    read = read_line(line.text, endpoint)
    if isinstance(read, LineError):
        raise TallygateError("internal", f"a line that was checked cannot be read: {read.code}")
    return read
