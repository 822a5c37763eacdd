"""How far one batch is, in memory as in the database: its lines in flight, its place in the input, and its results."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from services.jobs import instruments
from services.jobs.batches.lines import InFlight, InputLines
from services.jobs.batches.writing import as_bytes, written_off
from shared.batches.rounds import EndedLine
from shared.batches.store import BatchStore, Progress, TakenBatch
from shared.batches.values import LastState
from shared.db.pool import Connection
from shared.files import File, Files


class Results(NamedTuple):
    """The files of one batch, as they grow."""

    output: File
    error: File


class Standing:
    """in_flight: what an earlier worker has left. waiting: why no line is begun at the moment.

    What changes it raises NotOursError or AppendRefusedError when another has the batch."""

    def __init__(
        self, store: BatchStore, files: Files, job: TakenBatch, lines: InputLines, results: Results,
        in_flight: Iterable[InFlight], waiting: str | None,
    ) -> None:  # fmt: skip
        self.lines = lines
        self.in_flight = {line.row.line: line for line in in_flight}
        self.waiting = waiting
        self._store = store
        self._files = files
        self._job = job
        self._results = results

    @property
    def to_begin(self) -> list[InFlight]:
        return [line for line in self.in_flight.values() if line.body is not None]

    @property
    def place(self) -> tuple[int, int]:
        """It changes whenever something is begun or ends."""
        return self.lines.next_offset, len(self.in_flight)

    async def advance(self, ended: Iterable[EndedLine], new: Sequence[InFlight], waiting: str | None) -> None:
        """What has ended is written, and what is new is claimed."""
        told = list(ended)
        output = [line.written for line in told if not line.is_error]
        error = [line.written for line in told if line.is_error]
        await self._write(output, error, [line.line for line in told], new, waiting)

    async def write_off(self, lines: Sequence[InFlight], ending: LastState) -> None:
        """Of lines in flight, whose results are not waited for."""
        if lines:
            error = [written_off(line.row.custom_id, line.row.inference_id, ending) for line in lines]
            await self._write([], error, [line.row.line for line in lines])

    async def write_off_rest(self, ending: LastState) -> None:
        """The lines that were not begun."""
        while not self.lines.at_end:
            left = await self.lines.leave()
            error = [written_off(line.custom_id, f"{self._job.job_id.hex}_{line.line}", ending) for line in left]
            await self._write([], error)

    async def _write(
        self, output: list[str], error: list[str], ended: Collection[int] = (), new: Sequence[InFlight] = (),
        waiting: str | None = None,
    ) -> None:  # fmt: skip
        """In one transaction."""
        gone = set(ended)
        left = {number: line for number, line in self.in_flight.items() if number not in gone}
        left |= {line.row.line: line for line in new}
        to_begin = [number for number, line in left.items() if line.body is not None]
        files, results = self._files, self._results
        output_parts = await files.sealed(results.output, as_bytes(output)) if output else []
        error_parts = await files.sealed(results.error, as_bytes(error)) if error else []

        async def append(connection: Connection) -> None:
            self._results = Results(
                await files.append(results.output, output_parts, connection),
                await files.append(results.error, error_parts, connection),
            )

        made = Progress(
            ended=gone,
            begun=[line.row for line in new],
            completed=len(output),
            failed=len(error),
            next_line=self.lines.next_line,
            next_offset=self.lines.next_offset,
            published_to=min(to_begin, default=self.lines.next_line),
            waiting=waiting,
        )
        await self._store.advance(self._job, made, append)
        self.in_flight, self.waiting = left, waiting
        instruments.batch_lines.labels("completed").inc(len(output))
        instruments.batch_lines.labels("failed").inc(len(error))
