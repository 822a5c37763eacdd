"""One batch, while this worker feeds it: its lines in, round by round, and their results into its files.

A round: ask a gateway to begin the lines that are claimed and to tell what has ended; then, in one transaction, write
what has ended to the batch's files, and claim the next lines. A line is claimed with the id of its inference before it
is published, so whoever takes over knows what may be on the topic, and asks for it under the same id (decision 0043).
"""

import asyncio
import secrets
from collections.abc import Collection, Sequence
from typing import NamedTuple

import structlog

from services.jobs import instruments
from services.jobs.batches.asking import GatewayAwayError, Gateways
from services.jobs.batches.checking import LineError
from services.jobs.batches.lines import InFlight
from services.jobs.batches.pacing import Rest, pause_s, rest
from services.jobs.batches.standing import Standing
from services.jobs.batches.window import Window
from shared.batches.rounds import NewLine, Round, Told
from shared.batches.store import BatchState, BatchStore, NotOursError, TakenBatch
from shared.batches.values import LastState
from shared.clock import utc_now
from shared.crypto import KeyRing
from shared.errors import TallygateError
from shared.files import Files
from shared.inferences.inferences import cancellation
from shared.kafka.publisher import Publisher

logger = structlog.get_logger(__name__)

_AWAY_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 1.0  # of one that is coming to its end
_AWAY = "no gateway takes lines of batches at the moment"
_CANCEL_GRACE_S = 60.0  # for the results of what was cancelled; the monitor settles what nobody else does
_CANCELS = 100  # of one publish


class Parts(NamedTuple):
    """What all batches of a worker are fed with."""

    store: BatchStore
    files: Files
    gateways: Gateways
    publisher: Publisher
    ring: KeyRing


class Feeding:
    """state: as the batch stands in the database."""

    def __init__(self, parts: Parts, window: Window, job: TakenBatch, standing: Standing, state: BatchState) -> None:
        self._parts = parts
        self._window = window
        self._job = job
        self._standing = standing
        self._state = state
        self._cancelled_at: float | None = None

    async def feed(self) -> Rest | None:
        """Until every line stands in one of the files (None), or others should have the place."""
        standing, idle, loop = self._standing, self._job.idle, asyncio.get_running_loop()
        began_at = loop.time()
        while True:
            ending = await self._ending()
            if ending is not None:
                await self._cancel_in_flight(ending)
            if not standing.in_flight and (ending is not None or standing.lines.at_end):
                break
            before = standing.place
            told = await self._round(ending)
            idle = 0 if standing.place != before else idle + 1
            pause = pause_s(idle, None if told.later is None else told.later_s)
            if ending is None and (resting := rest(idle, pause, loop.time() - began_at)) is not None:
                return resting
            if ending is not None or not standing.to_begin or told.later is not None or told.unsure:
                await asyncio.sleep(min(pause, _LONGEST_PAUSE_S))
            await self._look()
        if ending is not None:
            await standing.write_off_rest(ending)
        return None

    async def _look(self) -> None:
        """Raises NotOursError."""
        state = await self._parts.store.state(self._job.job_id)
        if state is None:
            raise NotOursError
        self._state = state

    async def _ending(self) -> LastState | None:
        """What the batch is going to be, when no more of its lines are begun."""
        state = self._state
        if state.ending is None and state.status == "cancelling":
            return "cancelled"
        if state.ending is None and state.overdue:
            await self._parts.store.ending(self._job, "expired")
            return "expired"
        return state.ending

    # One round

    async def _round(self, ending: LastState | None) -> Told:
        standing = self._standing
        full = len(standing.in_flight) >= self._window.lines
        told = await self._ask([] if ending is not None else standing.to_begin)
        for number in told.begun:
            standing.in_flight[number].body = None
        for number in told.unsure:
            standing.in_flight[number].again = True
        self._window = self._window.after(
            refused=told.later is not None or bool(told.unsure), full=full, queue_age_s=told.queue_age_s
        )
        if told.stop is not None:
            revoked = LineError("key_not_usable", told.stop).at(None)
            await self._parts.store.ending(self._job, "failed", [revoked])
        ended = {line.line: line for line in told.ended if line.line in standing.in_flight}
        may_claim = ending is None and told.stop is None and told.later is None
        new = await self._claimed(ended) if may_claim else []
        if ended or new or told.begun or told.later != standing.waiting:
            await standing.advance(ended.values(), new, told.later)
        return told

    async def _claimed(self, ended: Collection[int]) -> list[InFlight]:
        """The next lines, once the ones before are begun."""
        standing = self._standing
        if any(line.row.line not in ended for line in standing.to_begin):
            return []
        return await standing.lines.claim(self._window.lines - len(standing.in_flight) + len(ended))

    async def _ask(self, lines: Sequence[InFlight]) -> Told:
        """While no gateway answers, lines are told as unsure."""
        if not self._standing.in_flight:
            return Told(queue_age_s=0.0)  # nothing to ask: the first lines are claimed now
        asked = Round(
            sent_at=utc_now(),
            nonce=secrets.token_hex(16),
            endpoint=self._job.endpoint,
            key_id=self._job.key_id,
            session=self._job.session,
            created_at=self._job.created_at,
            lines=[_new_line(line) for line in lines],
            in_flight=len(self._standing.in_flight),
        )
        try:
            told = await self._parts.gateways.round(self._job.tenant_id, self._job.job_id, asked)
        except GatewayAwayError as error:
            instruments.batch_rounds.labels("failed").inc()
            if self._standing.waiting != _AWAY:
                logger.warning("batch.no_gateway", batch_id=str(self._job.job_id), reason=str(error))
            return Told(unsure=[line.row.line for line in lines], later=_AWAY, later_s=_AWAY_PAUSE_S)
        instruments.batch_rounds.labels("refused" if told.later is not None else "told").inc()
        return told

    # The end before the end

    async def _cancel_in_flight(self, ending: LastState) -> None:
        """Once; what was never published is written off at once, and what has no result long after, too."""
        standing, loop = self._standing, asyncio.get_running_loop()
        if self._cancelled_at is None:
            self._cancelled_at = loop.time()
            await standing.write_off([line for line in standing.to_begin if not line.again], ending)
            await self._publish_cancellations()
        elif loop.time() - self._cancelled_at > _CANCEL_GRACE_S:
            await standing.write_off(list(standing.in_flight.values()), ending)

    async def _publish_cancellations(self) -> None:
        ids = [line.row.inference_id for line in self._standing.in_flight.values()]
        words = [cancellation(self._job.tenant_id, inference_id, None, "asked") for inference_id in ids]
        for at in range(0, len(words), _CANCELS):
            try:
                await self._parts.publisher.publish(*words[at : at + _CANCELS])
            except TallygateError as error:  # they end by themselves, later
                logger.warning("batch.not_cancelled", batch_id=str(self._job.job_id), reason=error.failure.detail)


def _new_line(line: InFlight) -> NewLine:
    row = line.row
    return NewLine(
        line=row.line, inference_id=row.inference_id, custom_id=row.custom_id, body=line.body or "", again=line.again
    )
