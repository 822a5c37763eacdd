"""Put events on record, however long the broker takes: a router that cannot report must not go on."""

import asyncio

import structlog

from shared.errors import TallygateError
from shared.kafka.publisher import Outgoing, Publisher

logger = structlog.get_logger(__name__)

_RETRY_S = 0.5


class Reporter:
    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def report(self, *outgoing: Outgoing) -> None:
        """Returns when all are acked. Ids make it harmless that a retry may put an event on record twice."""
        while True:
            try:
                await self._publisher.publish(*outgoing)
            except TallygateError as error:
                logger.warning("report.not_acked", reason=error.failure.detail)
                await asyncio.sleep(_RETRY_S)
            else:
                return
