"""Feed the lines of a batch in, round by round, and write their results down. The batch is a leased job.

A round: ask a gateway to begin the lines that are claimed and to tell what has ended; then, in one transaction, write
what has ended to the batch's files, and claim the next lines. A line is claimed with the id of its inference before it
is published, so whoever takes over knows what may be on the topic, and asks for it under the same id (decision 0043).
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

import structlog

from services.jobs import instruments
from services.jobs.batches.asking import GatewayAwayError, Gateways
from services.jobs.batches.checking import LONGEST_LINE, BatchLine, FileCheck, LineError, is_blank, read_line
from services.jobs.batches.telling import Teller
from services.jobs.batches.window import Window
from services.jobs.batches.writing import as_bytes, written_off
from shared.batches.rounds import NewLine, Round, Told
from shared.batches.store import BatchState, BatchStore, LineInFlight, NotOursError, Progress, TakenBatch
from shared.batches.values import LastState
from shared.clock import utc_now
from shared.crypto import KeyRing, SealedContext, seal
from shared.db.pool import Connection
from shared.errors import TallygateError
from shared.events import new_id
from shared.files import AppendRefusedError, File, Files, Line, NewFile
from shared.inferences.inferences import cancellation
from shared.jobs import Leases, LeaseSettings
from shared.kafka.publisher import Publisher

logger = structlog.get_logger(__name__)

_ROUND_BYTES = 4 * 1024 * 1024  # of lines that are begun at a time
_REST_LINES, _REST_BYTES = 1000, 1024 * 1024  # of lines that are written off at a time
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0
_AWAY_PAUSE_S, _LONGEST_WAIT_S = 1.0, 10.0  # a cancellation is not noticed meanwhile
_AWAY = "no gateway takes lines of batches at the moment"
_CANCEL_GRACE_S = 60.0  # for the results of what was cancelled; the monitor settles what nobody else does
_CANCELS = 100  # of one publish
_RESPONSES = "/v1/responses"


class BatchSettings(NamedTuple):
    """window: lines of one batch that may be in flight. most_lines: of one batch."""

    leases: LeaseSettings
    window: int
    most_lines: int


class _Files(NamedTuple):
    """Of one batch, as they grow."""

    output: File
    error: File


@dataclass(slots=True)
class _InFlight:
    """body: while it is to be published. again: it may have been."""

    row: LineInFlight
    body: str | None
    again: bool


class Feeder:
    """The `LeasedWork` of batches, with the leases that hand it the batches."""

    def __init__(
        self, settings: BatchSettings, store: BatchStore, files: Files, gateways: Gateways, publisher: Publisher,
        teller: Teller, ring: KeyRing,
    ) -> None:  # fmt: skip
        self.leases = Leases(settings.leases, store, self)
        self.settings = settings
        self.store = store
        self.files = files
        self.gateways = gateways
        self.publisher = publisher
        self.ring = ring
        self._teller = teller

    async def start(self) -> None:
        instruments.batches_in_hand.set_function(lambda: self.leases.in_hand)
        await self.leases.start()

    async def stop(self) -> None:
        await self.leases.stop()

    async def cancelled(self, job: TakenBatch) -> None:
        """A batch is cancelled in the database, where whoever feeds it finds that out."""

    async def run(self, job: TakenBatch) -> None:
        try:
            await self._run(job)
        except (NotOursError, AppendRefusedError):
            logger.info("batch.lost", batch_id=str(job.job_id), tenant=job.tenant_id)
        except TallygateError as error:  # of its files
            logger.warning("batch.held_up", batch_id=str(job.job_id), reason=error.failure.detail)
            if error.failure.error_type != "unavailable":  # otherwise it is taken again when its lease ends
                await self._end_unread(job, LineError("file_unreadable", error.failure.detail))

    async def _run(self, job: TakenBatch) -> None:
        state = await self.store.state(job.job_id)
        if state is None:
            return
        if not state.is_settled:
            await self._work(job, state)
        await self._end(job)

    async def _end(self, job: TakenBatch) -> None:
        await self._teller.tell(job)
        await self.store.ended(job.job_id)

    async def _end_unread(self, job: TakenBatch, why: LineError) -> None:
        """What it has in flight is not waited for: nobody could say which lines are missing."""
        await self.store.ending(job.job_id, "failed", [why.at(None)])
        await self._settle(job)
        await self._end(job)

    async def _work(self, job: TakenBatch, state: BatchState) -> None:
        given = await self.files.file(job.tenant_id, job.input_file_id)
        if given is None:
            gone = LineError("input_file_gone", "the input file was deleted before all its lines were begun")
            await self.store.ending(job.job_id, "failed", [gone.at(None)])
            await self._settle(job)
            return
        new = state.output_file_id is None and state.status == "validating"
        if new and (errors := await self._checked(job, given)):
            await self.store.refused(job.job_id, errors)
            instruments.batches_settled.labels("failed").inc()
            return
        await self._feed(job, given)
        await self._settle(job)

    async def _checked(self, job: TakenBatch, given: File) -> list[dict[str, object]]:
        """What is wrong with the file. Where nothing is, the files of the results are begun."""
        check, number = FileCheck(job.endpoint, self.settings.most_lines), 0
        async for line in self.files.lines(given, 0, LONGEST_LINE):
            number += 1
            check.add(number, line.text)
            if check.has_failed:
                break
        if errors := check.end():
            return errors
        output, error = (_new_file(job, name) for name in ("output", "error"))

        async def begin(connection: Connection) -> None:
            for new in (output, error):
                await self.files.begin(new, connection)

        await self.store.checked(job.job_id, check.total, output.file_id, error.file_id, begin)
        return []

    async def _feed(self, job: TakenBatch, given: File) -> None:
        state = await self.store.state(job.job_id)
        if state is None or state.output_file_id is None or state.error_file_id is None:
            return  # it was cancelled before its file was checked
        output = await self.files.file(job.tenant_id, state.output_file_id)
        error = await self.files.file(job.tenant_id, state.error_file_id)
        if output is None or error is None:
            raise TallygateError("internal", "the files of the batch's results are gone")
        async with aclosing(self.files.lines(given, state.next_offset, LONGEST_LINE)) as lines:
            await _Feeding(self, job, given, state, _Files(output, error), lines).feed()

    async def _settle(self, job: TakenBatch) -> None:
        await self.store.finalizing(job.job_id)
        state = await self.store.state(job.job_id)
        if state is None:
            return
        kept_until = utc_now() + timedelta(seconds=job.output_kept_s)
        found = [
            None if known is None else await self.files.file(job.tenant_id, known)
            for known in (state.output_file_id, state.error_file_id)
        ]

        async def finish(connection: Connection) -> None:
            for file in found:
                if file is not None and file.size:
                    await self.files.finish(file, kept_until, connection)
                elif file is not None:
                    await self.files.delete(file, connection)

        ids = [file.file_id if file is not None and file.size else None for file in found]
        await self.store.settled(job.job_id, ids[0], ids[1], finish)
        instruments.batches_settled.labels(state.ending or "completed").inc()
        logger.info("batch.settled", batch_id=str(job.job_id), tenant=job.tenant_id, status=state.ending)


class _Feeding:
    """One batch, while it is fed by this worker."""

    def __init__(
        self, feeder: Feeder, job: TakenBatch, given: File, state: BatchState, files: _Files, lines: AsyncIterator[Line]
    ) -> None:
        self._feeder = feeder
        self._job = job
        self._given = given
        self._files = files
        self._next_line, self._next_offset = state.next_line, state.next_offset
        self._waiting = state.waiting
        self._in_flight: dict[int, _InFlight] = {}
        self._lines = lines
        self._window = Window(feeder.settings.window).first
        self._cancelled_at: float | None = None

    async def feed(self) -> None:
        """Returns when every line stands in one of the files."""
        await self._take_over()
        pause_s = _FIRST_PAUSE_S
        while True:
            state = await self._state()
            ending = _ending(state)
            if ending is not None:
                await self._cancel_in_flight(ending)
            if not self._in_flight and (ending is not None or self._at_end):
                break
            before = self._next_offset, len(self._in_flight)
            told = await self._round(ending)
            moved = (self._next_offset, len(self._in_flight)) != before
            pause_s = _FIRST_PAUSE_S if moved else min(1.5 * pause_s, _LONGEST_PAUSE_S)
            if told.later is not None:
                pause_s = min(max(pause_s, told.later_s), _LONGEST_WAIT_S)
            if ending is not None or not self._to_begin or told.later is not None or told.unsure:
                await asyncio.sleep(pause_s)
        if ending is not None:
            await self._write_off_rest(ending)

    @property
    def _at_end(self) -> bool:
        return self._next_offset >= self._given.size

    @property
    def _to_begin(self) -> list[_InFlight]:
        return [one for one in self._in_flight.values() if one.body is not None]

    async def _state(self) -> BatchState:
        """Raises NotOursError."""
        state = await self._feeder.store.state(self._job.job_id)
        if state is None:
            raise NotOursError
        if state.overdue and _ending(state) is None:
            await self._feeder.store.ending(self._job.job_id, "expired")
            return state._replace(ending="expired")
        return state

    async def _take_over(self) -> None:
        """What an earlier worker has in flight. Of what it had not seen acked nobody knows whether it is published."""
        state = await self._state()
        for row in await self._feeder.store.in_flight(self._job.job_id):
            published = row.line < state.published_to
            body = None if published else await self._body_at(row)
            self._in_flight[row.line] = _InFlight(row, body, again=not published)

    async def _body_at(self, row: LineInFlight) -> str:
        async with aclosing(self._feeder.files.lines(self._given, row.at, LONGEST_LINE)) as lines:
            if (line := await anext(lines, None)) is None:
                raise TallygateError("internal", f"line {row.line} is not where it was")
            return self._read(line).body

    # One round

    async def _round(self, ending: LastState | None) -> Told:
        to_begin = [] if ending is not None else self._to_begin
        full = len(self._in_flight) >= self._window.lines
        told = await self._ask(to_begin)
        for number in told.begun:
            self._in_flight[number].body = None
        for number in told.unsure:
            self._in_flight[number].again = True
        self._window = self._window.after(
            refused=told.later is not None or bool(told.unsure), full=full, queue_age_s=told.queue_age_s
        )
        if told.stop is not None:
            revoked = LineError("key_not_usable", told.stop).at(None)
            await self._feeder.store.ending(self._job.job_id, "failed", [revoked])
        ended = [line for line in told.ended if line.line in self._in_flight]
        new: list[_InFlight] = []
        if ending is None and told.stop is None and told.later is None:
            left = {line.line for line in ended}
            if not any(one.row.line not in left for one in self._to_begin):
                new = await self._claimed(self._window.lines - len(self._in_flight) + len(ended))
        if not (ended or new or told.begun or told.later != self._waiting):
            return told
        await self._advance(
            output=[line.written for line in ended if not line.is_error],
            error=[line.written for line in ended if line.is_error],
            ended=[line.line for line in ended],
            new=new,
            waiting=told.later,
        )
        return told

    async def _ask(self, lines: Sequence[_InFlight]) -> Told:
        """While no gateway answers, lines are told as unsure."""
        asked = Round(
            sent_at=utc_now(),
            nonce=secrets.token_hex(16),
            endpoint=self._job.endpoint,
            key_id=self._job.key_id,
            session=self._job.session,
            created_at=self._job.created_at,
            lines=[_new_line(one) for one in lines],
            in_flight=len(self._in_flight),
        )
        if not self._in_flight:
            return Told(queue_age_s=0.0)  # nothing to ask: the first lines are claimed now
        try:
            told = await self._feeder.gateways.round(self._job.tenant_id, self._job.job_id, asked)
        except GatewayAwayError as error:
            instruments.batch_rounds.labels("failed").inc()
            if self._waiting != _AWAY:
                logger.warning("batch.no_gateway", batch_id=str(self._job.job_id), reason=str(error))
            return Told(unsure=[one.row.line for one in lines], later=_AWAY, later_s=_AWAY_PAUSE_S)
        instruments.batch_rounds.labels("refused" if told.later is not None else "told").inc()
        return told

    async def _claimed(self, most: int) -> list[_InFlight]:
        """The next lines of the file, with the ids of their inferences."""
        claimed: list[_InFlight] = []
        size = 0
        while len(claimed) < most and size < _ROUND_BYTES and (found := await anext(self._lines, None)) is not None:
            number, self._next_line, self._next_offset = self._next_line, self._next_line + 1, found.end
            if is_blank(found.text):
                continue
            line, inference_id = self._read(found), new_id()
            size += len(line.body)
            request = self._sealed_request(inference_id, line.body)
            row = LineInFlight(number, inference_id, line.custom_id, found.start, found.end - found.start, request)
            claimed.append(_InFlight(row, line.body, again=False))
        return claimed

    def _read(self, line: Line) -> BatchLine:
        read = read_line(line.text, self._job.endpoint)
        if isinstance(read, LineError):
            raise TallygateError("internal", f"a line that was checked cannot be read: {read.code}")
        return read

    def _sealed_request(self, inference_id: UUID, body: str) -> str | None:
        if self._job.endpoint != _RESPONSES:
            return None
        return seal(
            self._feeder.ring, SealedContext(self._job.tenant_id, "batch_line", str(inference_id)), body.encode()
        )

    async def _advance(
        self, *, output: list[str], error: list[str], ended: Iterable[int] = (), new: Sequence[_InFlight] = (),
        waiting: str | None = None,
    ) -> None:  # fmt: skip
        """In one transaction: what has ended is written, and what is new is claimed."""
        gone = set(ended)
        left = {number: one for number, one in self._in_flight.items() if number not in gone}
        left |= {one.row.line: one for one in new}
        open_lines = [number for number, one in left.items() if one.body is not None]
        published_to = min(open_lines, default=self._next_line)
        files, appended = self._feeder.files, self._files
        output_parts = await files.sealed(appended.output, as_bytes(output)) if output else []
        error_parts = await files.sealed(appended.error, as_bytes(error)) if error else []

        async def append(connection: Connection) -> None:
            self._files = _Files(
                await files.append(appended.output, output_parts, connection),
                await files.append(appended.error, error_parts, connection),
            )

        made = Progress(
            ended=gone,
            begun=[one.row for one in new],
            completed=len(output),
            failed=len(error),
            next_line=self._next_line,
            next_offset=self._next_offset,
            published_to=published_to,
            waiting=waiting,
        )
        await self._feeder.store.advance(self._job.job_id, made, append)
        self._in_flight, self._waiting = left, waiting
        if output:
            instruments.batch_lines.labels("completed").inc(len(output))
        if error:
            instruments.batch_lines.labels("failed").inc(len(error))

    # The end before the end

    async def _cancel_in_flight(self, ending: LastState) -> None:
        """Once; what was never published is written off at once, and what has no result long after, too."""
        loop = asyncio.get_running_loop()
        if self._cancelled_at is None:
            self._cancelled_at = loop.time()
            never = [one for one in self._to_begin if not one.again]
            await self._write_off(never, ending)
            await self._publish_cancellations()
        elif loop.time() - self._cancelled_at > _CANCEL_GRACE_S:
            await self._write_off(list(self._in_flight.values()), ending)

    async def _publish_cancellations(self) -> None:
        words = [
            cancellation(self._job.tenant_id, one.row.inference_id, None, "asked") for one in self._in_flight.values()
        ]
        for at in range(0, len(words), _CANCELS):
            try:
                await self._feeder.publisher.publish(*words[at : at + _CANCELS])
            except TallygateError as error:  # they end by themselves, later
                logger.warning("batch.not_cancelled", batch_id=str(self._job.job_id), reason=error.failure.detail)

    async def _write_off(self, lines: Sequence[_InFlight], ending: LastState) -> None:
        if lines:
            error = [written_off(one.row.custom_id, one.row.inference_id, ending) for one in lines]
            await self._advance(output=[], error=error, ended=[one.row.line for one in lines])

    async def _write_off_rest(self, ending: LastState) -> None:
        """The lines that were not begun."""
        while not self._at_end:
            error: list[str] = []
            size = 0
            while len(error) < _REST_LINES and size < _REST_BYTES and (found := await anext(self._lines, None)):
                number, self._next_line, self._next_offset = self._next_line, self._next_line + 1, found.end
                if not is_blank(found.text):
                    size += found.end - found.start
                    error.append(written_off(self._read(found).custom_id, f"{self._job.job_id.hex}_{number}", ending))
            await self._advance(output=[], error=error)


def _ending(state: BatchState) -> LastState | None:
    """What the batch is going to be, when no more of its lines are begun."""
    return "cancelled" if state.status == "cancelling" and state.ending is None else state.ending


def _new_line(one: _InFlight) -> NewLine:
    row = one.row
    return NewLine(
        line=row.line, inference_id=row.inference_id, custom_id=row.custom_id, body=one.body or "", again=one.again
    )


def _new_file(job: TakenBatch, kind: str) -> NewFile:
    """The same whenever it is made."""
    return NewFile(
        file_id=uuid5(UUID(bytes=job.job_id.bytes), kind),
        tenant_id=job.tenant_id,
        purpose="batch_output",
        name=f"batch_{job.job_id.hex}_{kind}.jsonl",
        kept_until=job.expires_at + timedelta(seconds=job.output_kept_s),
    )
