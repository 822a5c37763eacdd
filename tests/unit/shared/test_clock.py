"""The time of day does not follow the machine's clock once the database has told it."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

from shared import clock
from shared.db.clock import DatabaseClock
from shared.events import utc_now

_TOLD = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    clock.forget()


class _Pool:
    def __init__(self, *answers: datetime | Exception) -> None:
        self.answers = list(answers)

    async def fetchval(self, _statement: str) -> datetime:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_service_has_the_time_of_the_database() -> None:
    part = DatabaseClock(_Pool(_TOLD))  # type: ignore[arg-type]
    await part.start()
    assert _TOLD <= utc_now() < _TOLD + timedelta(seconds=10)
    await part.stop()
    assert abs(utc_now() - datetime.now(UTC)) < timedelta(seconds=10)


async def test_a_service_starts_while_the_database_cannot_be_asked_and_hears_of_it_later() -> None:
    part = DatabaseClock(_Pool(ConnectionRefusedError(), ConnectionRefusedError(), _TOLD))  # type: ignore[arg-type]
    with mock.patch.object(part, "_retry_s", 0.01):
        await part.start()
        assert utc_now() < _TOLD
        async with asyncio.timeout(30):
            while utc_now() < _TOLD:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    await part.stop()


def test_the_machines_clock_may_be_set_anew() -> None:
    clock.tell(_TOLD, time.monotonic())
    with mock.patch("shared.clock.datetime", mock.Mock()):
        assert _TOLD <= utc_now() < _TOLD + timedelta(seconds=10)
