"""All that the patient tenant does in one run."""

import asyncio
from contextlib import AsyncExitStack

from tests.chaos.patient import mix
from tests.chaos.patient.background import Background
from tests.chaos.patient.batches import Batches
from tests.chaos.patient.publisher import Publisher
from tests.chaos.patient.receiver import Receiver, receiving
from tests.chaos.system import System


class PatientLoad:
    """Entered before the load, and left when the evidence is gathered: until then its receiver is told."""

    def __init__(self, system: System, seed: int, requests: int) -> None:
        amounts = mix.amounts(requests)
        api = system.patient
        self.background = Background(api, [mix.asked(seed, "background", n) for n in range(amounts.background)])
        self.batches = Batches(api, system.session, [mix.batch(seed, number) for number in range(amounts.batches)])
        self.publisher = Publisher(
            system.bootstrap_servers, [mix.record(seed, number) for number in range(amounts.records)]
        )
        self.receiver = Receiver()
        self._api = api
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> "PatientLoad":
        self.receiver = await self._exits.enter_async_context(receiving(self._api))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()

    async def run(self, seconds: float) -> None:
        await asyncio.gather(*(part.run(seconds) for part in (self.background, self.batches, self.publisher)))

    def counts(self) -> str:
        begun = sum(one.accepted for one in self.background.begun)
        return (f"patient: begun {begun}, batches {len(self.batches.ordered)}, "
                f"published {len(self.publisher.published)}, told {len(self.receiver.told)}")  # fmt: skip
