"""Work that fails stops the process, and a subscriber hands on nothing after it."""

import os
import signal
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.kafka.dead_letter_limit import DeadLetterLimitError
from shared.kafka.stopping import or_stop, terminate, until_it_fails
from tests.unit.shared.kafka.records import record


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _, number: sent.append(number))
    return sent


async def test_work_that_is_done_stops_nothing(signals: list[int]) -> None:
    async def work() -> None:
        return

    assert await or_stop(work())
    assert signals == []


async def test_the_limit_stops_the_process_with_one_line(signals: list[int]) -> None:
    async def work() -> None:
        raise DeadLetterLimitError(record("inference.requests.v1"), 5)

    with capture_logs() as logs:
        assert not await or_stop(work())

    assert signals == [signal.SIGTERM]
    [line] = logs
    assert line["event"] == "dead_letters.limit_reached"
    assert "TALLYGATE_DEAD_LETTERS_PER_MINUTE=5" in line["reason"]
    assert "exc_info" not in line


async def test_after_a_defect_a_subscriber_hands_on_nothing(signals: list[int]) -> None:
    seen: list[Any] = []

    async def handler(record: Any) -> None:
        seen.append(record)
        raise ValueError(record)

    guarded = until_it_fails(handler, terminate)
    await guarded("first")
    await guarded("second")

    assert seen == ["first"]
    assert signals == [signal.SIGTERM]
