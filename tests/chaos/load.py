"""Who uses a running system at the same time: an honest tenant, a hostile one, a patient one, and odd events."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import aiohttp

from shared.client.requests import MONITORING
from tests.chaos import hostile
from tests.chaos.callers import Asking, Callers
from tests.chaos.evidence import HONEST, HOSTILE, Note
from tests.chaos.mix import ask
from tests.chaos.patient.load import PatientLoad
from tests.chaos.system import System
from tests.chaos.upstream import Upstream

_READERS = 2
_READ_AGAIN_AFTER_S = 0.5
_HEAVY = f"{MONITORING}?window=30d"


class Amount(NamedTuple):
    """How much is asked in `seconds`. hostile: requests of the hostile tenant, 0 for none."""

    seed: int
    requests: int
    callers: int
    hostile: int
    seconds: float


class Load:
    def __init__(self, system: System, upstream: Upstream, patient: PatientLoad, amount: Amount) -> None:
        self._system = system
        self.upstream = upstream
        self.patient = patient
        self._amount = amount
        honest = Asking(HONEST, partial(ask, amount.seed), amount.requests, amount.callers, amount.seconds)
        bad = Asking(HOSTILE, partial(hostile.hostile_ask, amount.seed), amount.hostile, 2 * hostile.BURST,
                     amount.seconds, hostile.BURST)  # fmt: skip
        tenants = ((system.honest, honest), (system.hostile, bad))
        self._callers = [
            Callers(system.session, system.gateway_url, str(tenant.key), asking)
            for tenant, asking in tenants if asking.requests
        ]  # fmt: skip

    @property
    def notes(self) -> list[Note]:
        return [note for callers in self._callers for note in callers.notes]

    def counts(self) -> str:
        return "; ".join([*(callers.counts() for callers in self._callers), self.patient.counts()])

    async def run(self) -> None:
        readers = [asyncio.create_task(self._read_heavily()) for _ in range(_READERS if self._amount.hostile else 0)]
        try:
            await asyncio.gather(
                *(callers.run() for callers in self._callers),
                self.upstream.run(self._amount.seconds),
                self.patient.run(self._amount.seconds),
            )
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)

    async def _read_heavily(self) -> None:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                await self._system.hostile.get(_HEAVY)
            await asyncio.sleep(_READ_AGAIN_AFTER_S)
