"""This worker's heartbeat: which generators it has, and how many jobs it works on."""

from collections.abc import Callable

import structlog

from services.features.codegen.generators.catalogue import Catalogue
from shared.background import Periodic
from shared.errors import TallygateError
from shared.events import FeatureWorkerBeat, utc_now
from shared.events.feature import BrokenGenerator
from shared.events.topics import FEATURE_WORKERS
from shared.kafka.publisher import Outgoing, Publisher

logger = structlog.get_logger(__name__)

_EVERY_S = 2.0


class Beat:
    def __init__(self, worker_id: str, publisher: Publisher, catalogue: Catalogue, jobs: Callable[[], int]) -> None:
        self._worker_id = worker_id
        self._publisher = publisher
        self._catalogue = catalogue
        self._jobs = jobs
        self._started_at = utc_now()
        self._beating = Periodic("beat", self._beat, _EVERY_S)

    async def start(self) -> None:
        await self._beating.start()

    async def stop(self) -> None:
        await self._beating.stop()
        try:
            await self._beat(stopped=True)
        except TallygateError as error:
            logger.warning("beat.last_word_not_acked", reason=error.failure.detail)

    async def _beat(self, *, stopped: bool = False) -> None:
        beat = FeatureWorkerBeat(
            worker_id=self._worker_id,
            started_at=self._started_at,
            beat_at=utc_now(),
            jobs=self._jobs(),
            generators=self._catalogue.usable,
            broken=tuple(BrokenGenerator(name=name, reason=why) for name, why in self._catalogue.broken.items()),
            stopped=stopped,
        )
        await self._publisher.publish(Outgoing(FEATURE_WORKERS, beat))
