"""How a process tells what it has counted, and the traces behind it."""

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from shared.telemetry.health import health_routes
from shared.telemetry.instruments import SECONDS, Histogram
from shared.telemetry.traces import Tracing

_OPEN_METRICS = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
_TRACE_ID, _SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

_observed = Histogram("test_observed_seconds", "Of this test.", buckets=SECONDS)


def _scraped(headers: dict[str, str]) -> tuple[str, str]:
    answer = TestClient(Starlette(routes=health_routes("test"))).get("/metrics", headers=headers)
    return answer.headers["content-type"].partition(";")[0], answer.text


def test_exemplars_are_told_to_who_asks_for_openmetrics() -> None:
    _observed.observe(0.3, {"trace_id": _TRACE_ID, "span_id": _SPAN_ID})

    media_type, text = _scraped(_OPEN_METRICS)
    assert media_type == "application/openmetrics-text"
    assert f'test_observed_seconds_bucket{{le="0.5"}} 1.0 # {{span_id="{_SPAN_ID}",trace_id="{_TRACE_ID}"}} 0.3' in text
    media_type, text = _scraped({})
    assert media_type == "text/plain"
    assert 'test_observed_seconds_bucket{le="0.5"} 1.0\n' in text
    assert _TRACE_ID not in text


@pytest.mark.parametrize(
    ("enabled", "context", "found"),
    [
        (True, f"00-{_TRACE_ID}-{_SPAN_ID}-01 vendor=1", {"trace_id": _TRACE_ID, "span_id": _SPAN_ID}),
        (True, f"00-{_TRACE_ID}-{_SPAN_ID}-00", None),
        (True, None, None),
        (False, f"00-{_TRACE_ID}-{_SPAN_ID}-01", None),
    ],
    ids=["sampled", "not sampled", "no trace", "tracing is off"],
)
def test_an_exemplar_is_of_a_trace_that_is_kept(
    enabled: bool, context: str | None, found: dict[str, str] | None
) -> None:
    tracing = Tracing()
    tracing.enabled = enabled
    assert tracing.exemplar(context) == found


def test_what_costs_a_question_is_asked_when_somebody_scrapes() -> None:
    asked = []

    async def measure() -> None:
        asked.append("now")

    app = Starlette(routes=health_routes("test"))
    app.state.measure = measure
    assert 'tallygate_build_info{service="test",version="' in TestClient(app).get("/metrics").text
    assert asked == ["now"]
