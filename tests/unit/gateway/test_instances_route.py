"""GET /api/instances: what the monitor tells, and for how long requests wait, which gateways know."""

from unittest import mock

import orjson
import pytest

from services.gateway.monitor_client import MonitorAnswer
from services.gateway.routes import instances
from tests.support.gateway_app import Told, gateway_here, told

PATH = "/api/instances"


async def ask(status: int) -> Told:
    answer = MonitorAnswer(status, orjson.dumps({"bulk_waiting": 3}), "application/json")
    with mock.patch.object(instances, "ask_monitor", mock.AsyncMock(return_value=answer)):
        return await told(gateway_here(), "GET", PATH)


async def test_the_age_of_each_queue_stands_beside_its_length() -> None:
    assert (await ask(200)).body == {"bulk_waiting": 3, "requests_waiting_s": 0.0, "bulk_waiting_s": None}


@pytest.mark.parametrize("status", [403, 503])
async def test_what_the_monitor_refuses_is_passed_on_as_it_is(status: int) -> None:
    answer = await ask(status)

    assert (answer.status, answer.body) == (status, {"bulk_waiting": 3})
