import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from shared.telemetry.traces import Tracing, traceparent_of, valid_traceparent

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE_ID}-{SPAN_ID}-01"


@pytest.mark.parametrize("value", [VALID, f"00-{TRACE_ID}-{SPAN_ID}-00", f"00-{TRACE_ID}-{SPAN_ID}-ff"])
def test_a_traceparent_is_taken_as_it_is(value: str) -> None:
    assert valid_traceparent(value) == value


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "00",
        VALID.upper(),
        f"01-{TRACE_ID}-{SPAN_ID}-01",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"00-{TRACE_ID[:-1]}-{SPAN_ID}-01",
        f"00-{TRACE_ID[:-1]}g-{SPAN_ID}-01",
        f"00-{TRACE_ID[:-1]}_-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-1",
        f"{VALID} ",
        f"{VALID}\n",
    ],
)
def test_anything_else_is_no_traceparent(value: str | None) -> None:
    assert valid_traceparent(value) is None


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255))
def test_what_we_write_is_valid(trace_id: int, span_id: int, flags: int) -> None:
    written = traceparent_of(SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(flags)))
    assert valid_traceparent(written) == written


@given(st.text())
def test_any_text_can_be_checked(value: str) -> None:
    assert valid_traceparent(value) is None


@pytest.mark.parametrize("parent", [VALID, None])
def test_when_off_the_callers_trace_is_passed_on(parent: str | None) -> None:
    traced = Tracing().start("chat m", SpanKind.CLIENT, parent, {"a": 1})
    assert traced.traceparent == parent
    traced.set({"b": 2})
    traced.fail("server_error")
    traced.end()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector", "OTEL_SDK_DISABLED": "TRUE"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_tracing_stays_off_unless_it_is_wanted(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED",
                 "OTEL_TRACES_EXPORTER"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    tracing = Tracing()
    tracing.configure("gateway", "g1")
    assert not tracing.enabled
