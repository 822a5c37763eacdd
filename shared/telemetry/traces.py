"""Traces: W3C context from the caller through Kafka to the model call and the books.

Off unless OTEL_EXPORTER_OTLP_ENDPOINT (or ..._TRACES_ENDPOINT) is set. When off, `start` returns a span that
records nothing and only carries the caller's traceparent on, so a caller's trace is never cut.
"""

import os
from collections.abc import Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanContext, SpanKind, StatusCode, TraceFlags, TraceState

TRACEPARENT = "traceparent"

_HEX = frozenset("0123456789abcdef")


class Traced:
    """One span and the traceparent that its children continue. Records nothing when tracing is off."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: Span | None, traceparent: str | None) -> None:
        self._span = span
        self.traceparent = traceparent

    def set(self, attributes: Mapping[str, Any]) -> None:
        if self._span is not None:
            self._span.set_attributes({key: value for key, value in attributes.items() if value is not None})

    def fail(self, error_type: str) -> None:
        if self._span is not None:
            self._span.set_attribute("error.type", error_type)
            self._span.set_status(StatusCode.ERROR, error_type)

    def end(self) -> None:
        if self._span is not None:
            self._span.end()


class Tracing:
    """The process's tracer; `enabled` is decided once, at start."""

    def __init__(self) -> None:
        self.enabled = False
        self._tracer: trace.Tracer = trace.NoOpTracer()
        self._provider: Any = None

    def configure(self, service: str, instance_id: str) -> None:
        if not _wanted(os.environ):
            return
        # Imported only when wanted: the exporter costs start-up time and memory.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        resource = Resource.create({"service.name": f"tallygate-{service}", "service.instance.id": instance_id})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("tallygate")
        self.enabled = True

    def start(
        self, name: str, kind: SpanKind, parent: str | None, attributes: Mapping[str, Any] | None = None,
        start_time_ns: int | None = None,
    ) -> Traced:  # fmt: skip
        """A span below the span that `parent` (a traceparent) names; a new trace when there is none."""
        if not self.enabled:
            return Traced(None, parent)
        context = _context_of(parent)
        known = {key: value for key, value in (attributes or {}).items() if value is not None}
        span = self._tracer.start_span(name, context, kind, known, start_time=start_time_ns)
        return Traced(span, traceparent_of(span.get_span_context()))

    def shutdown(self) -> None:
        if self._provider is not None:
            self._provider.shutdown()


tracing = Tracing()


def traceparent_of(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def valid_traceparent(value: str | None) -> str | None:
    """The value when it is a traceparent of version 00, otherwise None (a caller may send anything)."""
    return value if value is not None and _parse(value) is not None else None


def _wanted(environ: Mapping[str, str]) -> bool:
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return bool(environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))


def _context_of(traceparent: str | None) -> Any:
    parsed = _parse(traceparent) if traceparent else None
    if parsed is None:
        return trace.set_span_in_context(trace.INVALID_SPAN)
    trace_id, span_id, flags = parsed
    remote = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags), trace_state=TraceState())
    return trace.set_span_in_context(trace.NonRecordingSpan(remote))


def _parse(value: str) -> tuple[int, int, int] | None:
    parts = value.split("-")
    if len(parts) != 4 or [len(part) for part in parts] != [2, 32, 16, 2] or parts[0] != "00":
        return None
    if not _HEX.issuperset("".join(parts)):
        return None
    trace_id, span_id = int(parts[1], 16), int(parts[2], 16)
    return (trace_id, span_id, int(parts[3], 16)) if trace_id and span_id else None
