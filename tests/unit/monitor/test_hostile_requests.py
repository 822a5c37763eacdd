"""Whatever is sent to the monitor is answered with what it has, or a typed error; never with a 500."""

from datetime import timedelta
from typing import cast

import pytest
from starlette.applications import Starlette

from services.monitor.app import make_app
from services.monitor.books.lag import Lag
from services.monitor.books.store import FeatureBooks
from services.monitor.errors.store import ErrorStore
from services.monitor.health.routes import HealthApi
from services.monitor.health.store import HealthStore
from services.monitor.health.watched import Watched
from services.monitor.reading.store import _FRESH
from services.monitor.rollups.health import THRESHOLDS
from services.monitor.rollups.steps import STEPS
from services.monitor.routes import MonitorApi, Stores
from services.monitor.series.store import SeriesStore
from services.monitor.sessions.store import SessionStore
from services.monitor.settings import MonitorSettings
from services.monitor.shadows.store import ShadowStore
from services.monitor.summary.store import _OPEN, _STATEMENTS, SummaryStore
from shared.access import Caller
from shared.db.pool import Pool
from shared.errors.catalogue import CATALOGUE
from shared.registry.store import RegistryStore
from tests.support.gateway_app import NOW, KnownKey, MemoryPool, MemoryReads, told

MONITORING, INFERENCE = "/api/models/custom/monitoring", "/api/inferences/"
SUMMARY, TIMESERIES, ERRORS = "/api/monitoring/summary", "/api/monitoring/timeseries", "/api/monitoring/errors"
HEALTH = "/api/monitoring/health"
IDS = ["%00", "x", "..", "%FF", "a" * 5000, "0" * 32, "{00000000-0000-0000-0000-000000000000}", "%F0%9F%92%A9" * 16]
WINDOWS = [
    "",
    "0s",
    "-1h",
    "999999999999d",
    "9999999d",
    "1h1h",
    "nan",
    "1e3s",
    "%00",
    "h",
    "1",
    "1w",
    "٣h",
    "x" * 100_000,
]
RANGES = [
    "from=2026-11-23&to=2026-11-22", "from=9999-12-31", "from=0001-01-01", "from=1926-01-01&to=1926-01-02", "from=%00",
    "to=x", "from=2026-11-23T00:00:00", "from=2026-01-01&window=1h", "window=400d", "window=401d",
]  # fmt: skip
SERIES = [
    "measure=x", "measure=%00", "group=tenant_id", "group=", "step=1s", "step=1m&window=400d", "step=1d&window=400d",
    "measure=p95&group=key", "measure=tokens&group=error_type&key=%00", "operation=%FF",
]  # fmt: skip
CURSORS = ["", "%00", "=", "e30", "W10", "bnVsbA", "WzEsMiwzXQ", "x" * 100_000]
MODELS = ["%00", "a%00b", "%FF%FE", "x" * 100_000, "custom:", ":", "auto"]


async def caught_up(_within_s: float) -> None:
    pass


def monitor() -> Starlette:
    fresh: dict[str, object] = {step: [] for step in (*STEPS, "slice", "sliced")} | {
        "gone_before": NOW - timedelta(days=30)
    }
    requests = {"requests": [], "latency": {}, "duration_s": 0}
    attempts: dict[str, object] = {"calls": [], "first_chunk": {}, "per_chunk": {}}
    known: dict[str, object] = {_FRESH: [fresh], _OPEN: 0}
    for of_requests, of_attempts in _STATEMENTS.values():
        known |= {of_requests: [requests], of_attempts: [attempts]}
    known |= {"SELECT": [], "WITH": []}
    pool = MemoryPool(known)
    sql = cast(Pool, pool)
    app = make_app(MonitorSettings())
    keys = KnownKey(Caller("acme", "k", frozenset({"monitor", "inference"})))
    reads = MemoryReads(pool)
    stores = Stores(
        SummaryStore(reads), SeriesStore(reads), ErrorStore(reads), SessionStore(reads), ShadowStore(reads),
        FeatureBooks(sql, reads),
    )  # fmt: skip
    watched = Watched(RegistryStore(sql), THRESHOLDS)
    app.state.api = MonitorApi(stores, keys, Lag(), None, caught_up, watched.thresholds_of)
    app.state.health = HealthApi(HealthStore(reads), keys, Lag(), watched, lambda _: ())
    return app


@pytest.mark.parametrize(
    "target",
    [INFERENCE + known for known in IDS]
    + [f"{MONITORING}?window={window}" for window in WINDOWS]
    + [f"{MONITORING}?model={model}" for model in MODELS]
    + [f"{path}?{asked}" for path in (SUMMARY, TIMESERIES, ERRORS, HEALTH) for asked in RANGES]
    + [f"{TIMESERIES}?{asked}" for asked in SERIES]
    + [f"{path}?{asked}" for path in (SUMMARY, ERRORS) for asked in ("key=%00", "error_type=%00", "operation=x")]
    + [f"{HEALTH}?model={model}" for model in MODELS]
    + [f"{HEALTH}?cursor={cursor}" for cursor in CURSORS]
    + [f"{HEALTH}?limit={limit}" for limit in ("0", "-1", "201", "1e2", "%00", "٣", "9" * 5000)]
    + [f"{MONITORING}?window=1h&window=%00", f"{MONITORING}?{'a=1&' * 1000}", f"{MONITORING}/%00", "/%00"],
    ids=lambda target: target[:60].encode("unicode_escape").decode(),
)
async def test_what_is_sent_is_answered(target: str) -> None:
    answer = await told(monitor(), "GET", target.encode().decode("latin-1"))
    assert answer.status == 200 or (400 <= answer.status < 500 and answer.error_type in CATALOGUE), answer


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "X"])
async def test_other_methods_are_refused(method: str) -> None:
    answer = await told(monitor(), method, MONITORING, b"x" * 1000)
    assert (answer.status, answer.error_type) == (405, "endpoint_not_found")
