"""Background inferences, each under a key of its own, by which it is asked for again until it is accepted."""

from collections.abc import Sequence

from shared.client import Answer
from shared.client.requests import INFERENCES
from tests.chaos.mix import Ask
from tests.chaos.patient.again import final, spread, until_taken
from tests.chaos.patient.words import Begun
from tests.support.live import Api


class Background:
    def __init__(self, api: Api, asks: Sequence[Ask]) -> None:
        self.begun: list[Begun] = []
        self._api = api
        self._asks = asks

    async def run(self, seconds: float) -> None:
        await spread(self._asks, seconds, self._begin)

    async def _begin(self, ask: Ask) -> None:
        begun = Begun(ask.number, ask.message)
        self.begun.append(begun)

        async def attempt() -> Answer | None:
            answer = await self._api.post(INFERENCES, ask.body(), headers={"idempotency-key": ask.key})
            if answer.inference_id is not None:
                begun.ids.add(answer.inference_id)
            return final(answer, begun.troubles)

        answer = await until_taken(attempt, begun.troubles)
        begun.accepted = answer is not None and answer.status == 202
        if answer is not None and not begun.accepted:
            begun.troubles.append(f"{answer.status} {answer.text[:200]}")
