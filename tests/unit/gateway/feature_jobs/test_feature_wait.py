"""Who waits for a feature job hears of its end, or at last that nobody ends it."""

import asyncio
import uuid
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.gateway.feature_jobs.watch import FeatureWatch
from services.gateway.gateway import Gateway
from services.gateway.routes import features
from shared.access import Caller
from shared.errors import TallygateError
from tests.support.virtual_time import virtually

JOB = uuid.uuid4()
CALLER = cast(Caller, SimpleNamespace(tenant_id="acme"))


class Store:
    def __init__(self) -> None:
        self.state = "running"

    async def progress(self, tenant_id: str, feature_id: uuid.UUID) -> dict[str, Any]:
        return {"feature_id": feature_id, "tenant_id": tenant_id, "state": self.state}


def gateway(store: Store) -> Gateway:
    return cast(Gateway, SimpleNamespace(features=store, feature_watch=FeatureWatch()))


@virtually
async def test_the_end_is_heard_at_once() -> None:
    store = Store()
    here = gateway(store)
    waiting = asyncio.create_task(features._ended(here, CALLER, JOB, deadline_s=60))
    await asyncio.sleep(0)

    store.state = "completed"
    here.feature_watch.changed(str(JOB))

    await asyncio.wait_for(waiting, 1)


async def test_a_job_that_nobody_ends_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_GRACE_S", 0.05)

    with pytest.raises(TallygateError) as raised:
        await features._ended(gateway(Store()), CALLER, JOB, deadline_s=0.05)

    assert raised.value.failure.error_type == "unavailable"
