"""Attributes of a router's spans."""

from services.router.streamed_call import StreamedCall
from services.router.work import Work
from shared.events import AttemptStarted, InferenceSettled
from shared.events.topics import request_place
from shared.telemetry import names
from shared.telemetry.traces import Traced
from shared.wire import CompletionRead


def end(traced: Traced, settled: InferenceSettled | None) -> None:
    if settled is not None:
        traced.set({names.SETTLEMENT: settled.settlement})
        if settled.error is not None:
            traced.fail(settled.error.error_type)
    traced.end()


def work_name(work: Work) -> str:
    topic, _ = request_place(work.source.partition)
    return f"{names.PROCESS} {topic.name}"


def work_attributes(work: Work) -> dict[str, object]:
    topic, partition = request_place(work.source.partition)
    return {
        names.MESSAGING_SYSTEM: "kafka",
        names.MESSAGING_OPERATION_TYPE: "process",
        names.MESSAGING_OPERATION_NAME: names.PROCESS,
        names.MESSAGING_DESTINATION: topic.name,
        names.MESSAGING_PARTITION: str(partition),
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
