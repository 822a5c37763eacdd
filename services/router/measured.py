"""What the metrics count of one call that has ended."""

from typing import NamedTuple

from services.router import instruments
from services.router.streamed_call import StreamedCall
from shared.events import AttemptEnded
from shared.telemetry.attempts import attempts

# Operations that bring a text, which the conventions call inferences.
_INFERENCES = {"chat"}

Exemplar = dict[str, str] | None


class Labels(NamedTuple):
    """By which calls are told apart, as OpenTelemetry's GenAI conventions do. model: its label, not always its name."""

    operation: str
    provider: str
    model: str


def count(labels: Labels, ended: AttemptEnded, stream: StreamedCall | None, exemplar: Exemplar) -> None:
    """exemplar: of the trace of its inference, if that is kept. What is not known is not counted."""
    error_type = ended.error.error_type if ended.error else ""
    attempts.labels(labels.model, ended.outcome, error_type).inc()
    is_inference = labels.operation in _INFERENCES
    seconds = instruments.gen_ai_seconds if is_inference else instruments.gen_ai_operation_seconds
    seconds.labels(*labels, error_type).observe(ended.duration_s, exemplar)
    if stream is not None and ended.first_chunk_s is not None:
        instruments.gen_ai_first_chunk_seconds.labels(*labels).observe(ended.first_chunk_s, exemplar)
        if (per_chunk_s := stream.per_chunk_s) is not None:
            instruments.gen_ai_chunk_seconds.labels(*labels).observe(per_chunk_s, exemplar)
    _count_usage(labels, ended)


def _count_usage(labels: Labels, ended: AttemptEnded) -> None:
    instruments.usage_known.labels(labels.model, ended.usage_state).inc()
    if ended.cost_usd:
        instruments.cost_usd.labels(labels.model).inc(ended.cost_usd)
    for tokens, counter in (
        (ended.input_tokens, instruments.gen_ai_input_tokens),
        (ended.output_tokens, instruments.gen_ai_output_tokens),
        (ended.cache_read_tokens, instruments.gen_ai_cache_read_tokens),
        (ended.cache_write_tokens, instruments.gen_ai_cache_write_tokens),
        (ended.reasoning_tokens, instruments.gen_ai_reasoning_tokens),
    ):
        if tokens:
            counter.labels(*labels).inc(tokens)
