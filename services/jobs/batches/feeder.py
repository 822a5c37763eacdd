"""A batch as a leased job: its file is checked, its lines are fed in, its files are closed, and its end is told."""

from contextlib import aclosing
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

import structlog

from services.jobs import instruments
from services.jobs.batches.checking import LONGEST_LINE, FileCheck, LineError
from services.jobs.batches.feeding import Feeding, Parts
from services.jobs.batches.lines import InFlight, InputLines
from services.jobs.batches.pacing import Rest
from services.jobs.batches.standing import Results, Standing
from services.jobs.batches.telling import Teller
from services.jobs.batches.window import Window
from shared.batches.store import BatchState, NotOursError, TakenBatch
from shared.clock import utc_now
from shared.db.pool import Connection
from shared.errors import TallygateError
from shared.files import AppendRefusedError, File, NewFile
from shared.jobs import Leases, LeaseSettings

logger = structlog.get_logger(__name__)


class BatchSettings(NamedTuple):
    """window: lines of one batch that may be in flight. most_lines: of one batch."""

    leases: LeaseSettings
    window: int
    most_lines: int


class Feeder:
    """The `LeasedWork` of batches, with the leases that hand it the batches."""

    def __init__(self, settings: BatchSettings, parts: Parts, teller: Teller) -> None:
        self.leases = Leases(settings.leases, parts.store, self)
        self._settings = settings
        self._parts = parts
        self._store = parts.store
        self._files = parts.files
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
                await self._fail(job, LineError("file_unreadable", error.failure.detail))
                await self._end(job)

    async def _run(self, job: TakenBatch) -> None:
        state = await self._store.state(job.job_id)
        if state is None:
            return
        resting = None if state.is_settled else await self._work(job, state)
        if resting is None:
            await self._end(job)
        else:
            await self._store.rest(job, resting.for_s, resting.idle)

    async def _end(self, job: TakenBatch) -> None:
        await self._teller.tell(job)
        await self._store.ended(job)

    async def _fail(self, job: TakenBatch, why: LineError) -> None:
        """What it has in flight is not waited for: nobody could say which lines are missing."""
        await self._store.ending(job, "failed", [why.at(None)])
        await self._settle(job)

    async def _work(self, job: TakenBatch, state: BatchState) -> Rest | None:
        """Until it is settled (None), or others should have the place."""
        given = await self._files.file(job.tenant_id, job.input_file_id)
        if given is None:
            gone = LineError("input_file_gone", "the input file was deleted before all its lines were begun")
            await self._fail(job, gone)
            return None
        if state.output_file_id is None and state.status == "validating":
            if errors := await self._checked(job, given):
                await self._store.refused(job, errors)
                instruments.batches_settled.labels("failed").inc()
                return None
            state = await self._store.state(job.job_id) or state
        resting = None
        if state.output_file_id is not None:  # otherwise it was cancelled before its file was checked
            resting = await self._feed(job, given, state)
        if resting is None:
            await self._settle(job)
        return resting

    # Its file

    async def _checked(self, job: TakenBatch, given: File) -> list[dict[str, object]]:
        """What is wrong with the file. Where nothing is, the files of the results are begun."""
        check, number = FileCheck(job.endpoint, self._settings.most_lines), 0
        async for line in self._files.lines(given, 0, LONGEST_LINE):
            number += 1
            check.add(number, line.text)
            if check.has_failed:
                break
        if errors := check.end():
            return errors
        output, error = (_new_file(job, name) for name in ("output", "error"))

        async def begin(connection: Connection) -> None:
            for new in (output, error):
                await self._files.begin(new, connection)

        await self._store.checked(job, check.total, output.file_id, error.file_id, begin)
        return []

    # Its lines

    async def _feed(self, job: TakenBatch, given: File, state: BatchState) -> Rest | None:
        output, error = await self._results(job, state)
        if output is None or error is None:
            raise TallygateError("internal", "the files of the batch's results are gone")
        async with aclosing(self._files.lines(given, state.next_offset, LONGEST_LINE)) as found:
            lines = InputLines(job, self._files, self._parts.ring, given, found, state)
            in_flight = await self._in_flight(job, lines, state)
            results = Results(output, error)
            standing = Standing(self._store, self._files, job, lines, results, in_flight, state.waiting)
            window = Window(self._settings.window).first(len(in_flight))
            return await Feeding(self._parts, window, job, standing, state).feed()

    async def _in_flight(self, job: TakenBatch, lines: InputLines, state: BatchState) -> list[InFlight]:
        """What an earlier worker has left. Of what it had not seen acked nobody knows whether it is published."""
        rows = await self._store.in_flight(job.job_id)
        bodies = await lines.bodies([row for row in rows if row.line >= state.published_to])
        return [InFlight(row, body := bodies.get(row.line), again=body is not None) for row in rows]

    # Its end

    async def _settle(self, job: TakenBatch) -> None:
        await self._store.finalizing(job)
        state = await self._store.state(job.job_id)
        if state is None:
            return
        kept_until = utc_now() + timedelta(seconds=job.output_kept_s)
        found = await self._results(job, state)

        async def finish(connection: Connection) -> None:
            for file in found:
                if file is not None and file.size:
                    await self._files.finish(file, kept_until, connection)
                elif file is not None:
                    await self._files.delete(file, connection)

        ids = [file.file_id if file is not None and file.size else None for file in found]
        await self._store.settled(job, ids[0], ids[1], finish)
        instruments.batches_settled.labels(state.ending or "completed").inc()
        logger.info("batch.settled", batch_id=str(job.job_id), tenant=job.tenant_id, status=state.ending)

    async def _results(self, job: TakenBatch, state: BatchState) -> list[File | None]:
        """Output and error file, as they stand."""
        return [
            None if known is None else await self._files.file(job.tenant_id, known)
            for known in (state.output_file_id, state.error_file_id)
        ]


def _new_file(job: TakenBatch, kind: str) -> NewFile:
    """The same whenever it is made."""
    return NewFile(
        file_id=uuid5(UUID(bytes=job.job_id.bytes), kind),
        tenant_id=job.tenant_id,
        purpose="batch_output",
        name=f"batch_{job.job_id.hex}_{kind}.jsonl",
        kept_until=job.expires_at + timedelta(seconds=job.output_kept_s),
    )
