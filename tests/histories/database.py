"""The database of one history: tables that outlive the processes, and how each process reaches them."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from services.monitor.books.books import Books
from shared.registry import Model
from shared.registry.store import RegistryStore, TenantRows
from tests.histories.lives import EPOCH, current_life
from tests.histories.trace import Booked, Trace
from tests.support.memory.monitor import MonitorTables
from tests.support.memory.turns import Turn

R = TypeVar("R")

TENANT = "acme"


class HistoryTables(MonitorTables):
    """Writes down what was booked."""

    def __init__(self, trace: Trace) -> None:
        super().__init__(clock=lambda: EPOCH + timedelta(seconds=asyncio.get_running_loop().time()))
        self._trace = trace

    def book(self, books: Books, now: datetime) -> int:
        late = super().book(books, now)
        started = frozenset(key for key, row in books.attempts.items() if row["on_record"])
        claimed = frozenset(key for key, row in books.inferences.items() if row["last_start_at"] is not None)
        life = current_life()
        by = None if life is None else life.name
        self._trace.append(Booked(asyncio.get_running_loop().time(), by, started | claimed, frozenset(books.words)))
        return late


class HistoryRegistryStore(RegistryStore):
    """The same models for as long as the history lasts."""

    def __init__(self, models: tuple[Model, ...], turn: Turn) -> None:
        self._rows = TenantRows(version=1, custom=models)
        self._turn = turn

    async def tenant(self, tenant_id: str) -> TenantRows:
        return await self._turn("registry", lambda: self._rows if tenant_id == TENANT else TenantRows())

    async def tenants(self) -> Mapping[str, TenantRows]:  # type: ignore[override]
        return await self._turn("registry", lambda: {TENANT: self._rows})


Effect = Callable[[], R]
