"""What the router hears on Kafka: requests."""

from services.router.claims import Claims
from shared.kafka import ConsumerRecord


class RequestHandler:
    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    async def on_inference_requested(self, record: ConsumerRecord) -> None:
        await self._claims.take(record)
