"""Traces: W3C context from the caller through Kafka to the model call and the books.

A context is carried as one text: the traceparent, and behind a space the tracestate where there is one. Baggage is not
carried: it is what others say of their users.

Off unless OTEL_EXPORTER_OTLP_ENDPOINT (or ..._TRACES_ENDPOINT) is set. When off, `start` returns a span that
records nothing and only carries the caller's context on, so a caller's trace is never cut.
"""

import os
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from opentelemetry import trace
from opentelemetry.trace import Span, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
MAX_TRACESTATE_CHARS = 512  # that W3C asks everybody to pass on; a longer one stays behind

_MAX_TRACEPARENT_CHARS = 256
_TRACE_ID = re.compile("[0-9a-f]{2}-([0-9a-f]{32})-")
_PROPAGATOR = TraceContextTextMapPropagator()


class Traced:
    """One span and the context that its children continue. Records nothing when tracing is off."""

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
        """A span below the span that `parent` (a context) names; a new trace when there is none."""
        if not self.enabled:
            return Traced(None, parent)
        context = _context_of(parent)
        known = {key: value for key, value in (attributes or {}).items() if value is not None}
        span = self._tracer.start_span(name, context, kind, known, start_time=start_time_ns)
        return Traced(span, traceparent_of(span.get_span_context()))

    def exemplar(self, context: str | None) -> dict[str, str] | None:
        """The labels by which an observation names its trace. None when nobody keeps that: tracing is off here, or the
        trace is not sampled."""
        if not self.enabled or context is None:
            return None
        _, trace_id, span_id, flags = context.partition(" ")[0].split("-")
        return {"trace_id": trace_id, "span_id": span_id} if int(flags, 16) & TraceFlags.SAMPLED else None

    def shutdown(self) -> None:
        if self._provider is not None:
            self._provider.shutdown()


tracing = Tracing()


def traceparent_of(context: SpanContext) -> str:
    """As it is carried, with its state."""
    fields: dict[str, str] = {}
    _PROPAGATOR.inject(fields, trace.set_span_in_context(trace.NonRecordingSpan(context)))
    return " ".join(fields.values())


def carried(traceparent: str | None, tracestate: str | None = None) -> str | None:
    """The context as it is carried, from the fields of a request or an event. None without a traceparent that can be
    read (a caller may send anything). One of a later version is carried in ours."""
    if not traceparent or len(traceparent) > _MAX_TRACEPARENT_CHARS:
        return None
    state = tracestate if tracestate and len(tracestate) <= MAX_TRACESTATE_CHARS else None
    context = trace.get_current_span(_extracted(traceparent, state)).get_span_context()
    return traceparent_of(context) if context.is_valid else None


def trace_id_of(traceparent: str | None) -> UUID | None:
    """The id of the trace, as 16 bytes; None for what names none."""
    found = _TRACE_ID.match(traceparent or "")
    return UUID(found[1]) if found and int(found[1], 16) else None


def fields_of(context: str | None) -> list[tuple[str, str]]:
    """A carried context as the fields of a request or an event."""
    if context is None:
        return []
    traceparent, _, tracestate = context.partition(" ")
    return [(TRACEPARENT, traceparent), *([(TRACESTATE, tracestate)] if tracestate else ())]


def _extracted(traceparent: str, tracestate: str | None) -> Any:
    fields = {TRACEPARENT: traceparent} | ({TRACESTATE: tracestate} if tracestate else {})
    return _PROPAGATOR.extract(fields)


def _wanted(environ: Mapping[str, str]) -> bool:
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return bool(environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))


def _context_of(context: str | None) -> Any:
    if context is None:
        return trace.set_span_in_context(trace.INVALID_SPAN)
    traceparent, _, tracestate = context.partition(" ")
    return _extracted(traceparent, tracestate)
