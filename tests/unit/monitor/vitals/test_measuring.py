"""A scrape tells what it can."""

import math
from typing import cast

import pytest
from prometheus_client import REGISTRY

from services.monitor.books.lag import Lag
from services.monitor.vitals.measuring import Measuring
from services.monitor.vitals.store import Vitals, VitalsStore
from shared.errors import TallygateError

_MEASURED = ("tallygate_monitor_lag_seconds", "tallygate_inferences_open", "tallygate_database_bytes")


class _Lag(Lag):
    async def seconds(self) -> float:
        raise TimeoutError


class _Store:
    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def read(self) -> Vitals:
        if self._error is not None:
            raise self._error
        return Vitals(open_inferences=3, database_bytes=1000)


def _told() -> list[float | None]:
    return [REGISTRY.get_sample_value(name) for name in _MEASURED]


@pytest.mark.parametrize(
    "error", [OSError("away"), TallygateError("unavailable", "it took too long")], ids=["away", "slow"]
)
async def test_what_cannot_be_asked_is_no_number(error: Exception) -> None:
    await Measuring(Lag(), cast("VitalsStore", _Store())).measure()
    assert _told()[1:] == [3, 1000]

    await Measuring(_Lag(), cast("VitalsStore", _Store(error))).measure()

    assert all(value is not None and math.isnan(value) for value in _told())
