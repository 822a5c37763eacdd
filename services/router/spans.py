"""Attributes of a router's spans, and what its metrics count of calls."""

from services.router.streamed_call import StreamedCall
from services.router.work import Work
from shared.events import AttemptEnded, AttemptStarted, InferenceSettled
from shared.registry import Model
from shared.telemetry import instruments, names
from shared.telemetry.traces import Traced
from shared.wire import CompletionRead


def end(traced: Traced, settled: InferenceSettled | None) -> None:
    if settled is not None:
        traced.set({names.SETTLEMENT: settled.settlement})
        if settled.error is not None:
            traced.fail(settled.error.error_type)
    traced.end()


def count(model: Model, operation: str, ended: AttemptEnded, stream: StreamedCall | None) -> None:
    error_type = ended.error.error_type if ended.error else ""
    name = "custom" if model.is_custom else model.id  # tenants name as many as they like
    instruments.attempts.labels(name, ended.outcome, error_type).inc()
    instruments.attempt_seconds.labels(name).observe(ended.duration_s)
    if stream is not None and ended.first_chunk_s is not None:
        instruments.attempt_first_chunk_seconds.labels(name).observe(ended.first_chunk_s)
        if (per_chunk_s := stream.per_chunk_s) is not None:
            instruments.attempt_chunk_seconds.labels(name).observe(per_chunk_s)
    _count_gen_ai((operation, ended.provider_name, name), ended, stream)


# Operations that bring a text, which the conventions call inferences.
_INFERENCES = {"chat"}


def _count_gen_ai(labels: tuple[str, str, str], ended: AttemptEnded, stream: StreamedCall | None) -> None:
    """The same by the names of OpenTelemetry's GenAI conventions. What is not known is not counted."""
    is_inference = labels[0] in _INFERENCES
    seconds = instruments.gen_ai_seconds if is_inference else instruments.gen_ai_operation_seconds
    seconds.labels(*labels, ended.error.error_type if ended.error else "").observe(ended.duration_s)
    if stream is not None and ended.first_chunk_s is not None:
        instruments.gen_ai_first_chunk_seconds.labels(*labels).observe(ended.first_chunk_s)
        if (per_chunk_s := stream.per_chunk_s) is not None:
            instruments.gen_ai_chunk_seconds.labels(*labels).observe(per_chunk_s)
    for tokens, counter in (
        (ended.input_tokens, instruments.gen_ai_input_tokens),
        (ended.output_tokens, instruments.gen_ai_output_tokens),
        (ended.cache_read_tokens, instruments.gen_ai_cache_read_tokens),
        (ended.cache_write_tokens, instruments.gen_ai_cache_write_tokens),
        (ended.reasoning_tokens, instruments.gen_ai_reasoning_tokens),
    ):
        if tokens:
            counter.labels(*labels).inc(tokens)


def work_attributes(work: Work) -> dict[str, object]:
    return {
        names.MESSAGING_SYSTEM: "kafka",
        names.MESSAGING_OPERATION_TYPE: "process",
        names.MESSAGING_OPERATION_NAME: names.PROCESS,
        names.MESSAGING_DESTINATION: "inference.requests.v1",
        names.MESSAGING_PARTITION: str(work.source.partition),
        names.MESSAGING_OFFSET: work.source.offset,
        names.INFERENCE_ID: str(work.request.inference_id),
        names.TENANT: work.request.tenant_id,
    }


def call_attributes(started: AttemptStarted) -> dict[str, object]:
    host, _, port = started.server_address.rpartition(":")
    return {
        names.GEN_AI_OPERATION: started.operation_name,
        names.GEN_AI_PROVIDER: started.provider_name,
        names.GEN_AI_REQUEST_MODEL: started.request_model,
        names.SERVER_ADDRESS: host,
        names.SERVER_PORT: int(port),
        names.INFERENCE_ID: str(started.inference_id),
        names.ATTEMPT_ID: str(started.attempt_id),
        names.ATTEMPT_NUMBER: started.attempt_number,
        names.MODEL_ID: started.model,
    }


def completion_attributes(read: CompletionRead) -> dict[str, object]:
    return {
        names.GEN_AI_RESPONSE_MODEL: read.response_model,
        names.GEN_AI_FINISH_REASONS: read.finish_reasons,
        names.GEN_AI_INPUT_TOKENS: read.usage.input_tokens,
        names.GEN_AI_OUTPUT_TOKENS: read.usage.output_tokens,
        names.GEN_AI_CACHE_READ_TOKENS: read.usage.cache_read_tokens or None,
        names.GEN_AI_CACHE_WRITE_TOKENS: read.usage.cache_write_tokens or None,
        names.GEN_AI_REASONING_TOKENS: read.usage.reasoning_tokens or None,
        names.GEN_AI_INPUT_AUDIO_TOKENS: read.usage.input_audio_tokens or None,
        names.GEN_AI_OUTPUT_AUDIO_TOKENS: read.usage.output_audio_tokens or None,
    }


def stream_attributes(stream: StreamedCall) -> dict[str, object]:
    """Also of one that broke."""
    return {
        names.GEN_AI_FIRST_CHUNK_SECONDS: stream.first_chunk_s,
        names.GEN_AI_CHUNK_SECONDS: stream.per_chunk_s,
        names.CHUNKS: stream.chunks,
    }
