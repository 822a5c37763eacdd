"""What a gateway says of an inference, whichever one took it: what the books say."""

from typing import Any
from unittest import mock

import orjson
import pytest

from services.gateway.monitor_client import MonitorAnswer
from services.gateway.routes import inferences
from shared.errors import TallygateError
from shared.events import CancelRequested
from tests.support.gateway_app import gateway_here, told
from tests.unit.shared.events.samples import INFERENCE

_PATH = f"/api/inferences/{INFERENCE}"


def says(status: int, **body: Any) -> MonitorAnswer:
    return MonitorAnswer(status, orjson.dumps(body), "application/json")


@pytest.mark.parametrize(
    ("monitor", "status", "cancels"),
    [
        (says(200, state="accepted", settled_at=None), 202, True),
        (says(200, state="completed", settled_at="2026-11-23T12:00:00Z"), 409, False),
        (says(404), 404, False),
        (says(503), 202, True),
        (None, 202, True),
    ],
    ids=["open", "settled", "unknown", "books away", "monitor away"],
)
async def test_what_is_open_or_may_be_is_cancelled(monitor: MonitorAnswer | None, status: int, cancels: bool) -> None:
    here = gateway_here()
    away = TallygateError("unavailable", "the monitor cannot be reached")
    with mock.patch.object(inferences, "ask_monitor", mock.AsyncMock(side_effect=[monitor or away])):
        answer = await told(here, "DELETE", _PATH)
    assert answer.status == status
    assert [event.inference_id for event in here.broker.events if isinstance(event, CancelRequested)] == (
        [INFERENCE] if cancels else []
    )


@pytest.mark.parametrize("answer", [says(200, state="accepted"), says(404, code="x")], ids=["known", "unknown"])
async def test_a_timeline_is_what_the_monitor_says(answer: MonitorAnswer) -> None:
    with mock.patch.object(inferences, "ask_monitor", mock.AsyncMock(return_value=answer)):
        found = await told(gateway_here(), "GET", _PATH)
    assert (found.status, found.body) == (answer.status, orjson.loads(answer.body))
