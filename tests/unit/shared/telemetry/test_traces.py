import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from shared.telemetry.traces import Tracing, carried, fields_of, traceparent_of

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE_ID}-{SPAN_ID}-01"


@pytest.mark.parametrize("value", [VALID, f"00-{TRACE_ID}-{SPAN_ID}-00", f"00-{TRACE_ID}-{SPAN_ID}-ff"])
def test_a_traceparent_is_taken_as_it_is(value: str) -> None:
    assert carried(value) == value


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "00",
        VALID.upper(),
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"00-{TRACE_ID[:-1]}-{SPAN_ID}-01",
        f"00-{TRACE_ID[:-1]}g-{SPAN_ID}-01",
        f"00-{TRACE_ID[:-1]}_-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-1",
        f"ff-{TRACE_ID}-{SPAN_ID}-01-more",
        f"01-{TRACE_ID}-{SPAN_ID}-01more",
        f"01-{TRACE_ID}-{SPAN_ID}-01-{'x' * 300}",
    ],
)
def test_anything_else_is_no_traceparent(value: str | None) -> None:
    assert carried(value) is None


@pytest.mark.parametrize("value", [f"01-{TRACE_ID}-{SPAN_ID}-01", f"cc-{TRACE_ID}-{SPAN_ID}-01-what-comes-later"])
def test_a_later_version_is_read_as_ours(value: str) -> None:
    assert carried(value) == VALID


def test_the_state_goes_with_it_and_comes_out_again() -> None:
    context = carried(VALID, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
    assert fields_of(context) == [("traceparent", VALID), ("tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")]


@pytest.mark.parametrize("state", [None, "", "no state", "a=" + "x" * 600])
def test_a_state_that_cannot_be_told_on_stays_behind(state: str | None) -> None:
    assert fields_of(carried(VALID, state)) == [("traceparent", VALID)]


def test_nothing_is_no_context() -> None:
    assert fields_of(None) == []


@given(st.text(), st.text())
def test_any_state_can_be_read(traceparent: str, state: str) -> None:
    assert carried(traceparent, state) is None
    assert str(carried(VALID, state)).startswith(VALID)


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255))
def test_what_we_write_is_valid(trace_id: int, span_id: int, flags: int) -> None:
    written = traceparent_of(SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(flags)))
    assert carried(written) == written


@given(st.text())
def test_any_text_can_be_checked(value: str) -> None:
    assert carried(value) is None


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
