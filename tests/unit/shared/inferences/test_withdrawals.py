"""What nobody waits for is cancelled until that is acked, within a bound of number and of time."""

import asyncio
from datetime import timedelta

from structlog.testing import capture_logs

from shared.events import CancelRequested, new_id, utc_now
from shared.inferences import Withdrawals, withdrawals
from shared.inferences.inferences import cancellation
from tests.support.virtual_time import virtually
from tests.unit.shared.inferences.fakes import Broker


def withdraw(waiting: Withdrawals, left_s: float = 60.0) -> None:
    waiting.withdraw(cancellation("acme", new_id(), None, "disconnected"), utc_now() + timedelta(seconds=left_s))


@virtually
async def test_all_are_cancelled_when_the_broker_wakes_and_those_of_later_too() -> None:
    broker = Broker()
    waiting, broker.away = Withdrawals(broker), True
    for _ in range(1200):
        withdraw(waiting)
    await asyncio.sleep(0.1)
    broker.away = False
    await asyncio.sleep(0.6)
    assert sum(isinstance(event, CancelRequested) for event in broker.events) == 1200
    withdraw(waiting)
    await waiting.stop()
    assert len(broker.events) == 1201


@virtually
async def test_what_is_past_its_deadline_is_given_up_and_holds_up_nothing() -> None:
    broker = Broker()
    waiting, broker.away = Withdrawals(broker), True
    withdraw(waiting, left_s=0.0)
    await asyncio.sleep(0.1)
    broker.away = False
    withdraw(waiting)
    await waiting.stop()
    assert len(broker.events) == 1


async def test_no_more_wait_than_the_bound_and_what_is_dropped_is_logged() -> None:
    broker = Broker()
    waiting, broker.away = Withdrawals(broker), True
    with capture_logs() as logged:
        for _ in range(withdrawals._MOST_WAITING + 3):
            withdraw(waiting)
    assert [entry["event"] for entry in logged].count("withdrawal.dropped") == 3
    broker.away = False
    await waiting.stop()
    assert len(broker.events) == withdrawals._MOST_WAITING
