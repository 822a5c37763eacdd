"""What a router counts. Of its calls by the names of OpenTelemetry's GenAI conventions, where they have one."""

from datetime import datetime

from shared.events import InferenceRequested
from shared.telemetry import names
from shared.telemetry.instruments import CHUNK_SECONDS, SECONDS, Counter, Gauge, Histogram, begin_at_zero

_GEN_AI = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")

gen_ai_seconds = Histogram(
    names.METRIC_GEN_AI_SECONDS, "Duration of calls for inferences: chats.", (*_GEN_AI, "error_type"), buckets=SECONDS
)
gen_ai_operation_seconds = Histogram(
    names.METRIC_GEN_AI_OPERATION_SECONDS, "Duration of calls for other operations: embeddings, rerank.",
    (*_GEN_AI, "error_type"), buckets=SECONDS,
)  # fmt: skip
gen_ai_first_chunk_seconds = Histogram(
    names.METRIC_GEN_AI_FIRST_CHUNK_SECONDS, "From a streamed call to its first chunk with content.", _GEN_AI,
    buckets=SECONDS,
)  # fmt: skip
gen_ai_chunk_seconds = Histogram(
    names.METRIC_GEN_AI_CHUNK_SECONDS, "Between two chunks of a call, from its first content on, on the average.",
    _GEN_AI, buckets=CHUNK_SECONDS,
)  # fmt: skip
gen_ai_input_tokens = Counter(names.METRIC_GEN_AI_INPUT_TOKENS, "Tokens of prompts, cached ones included.", _GEN_AI)
gen_ai_output_tokens = Counter(names.METRIC_GEN_AI_OUTPUT_TOKENS, "Tokens of answers, thoughts included.", _GEN_AI)
gen_ai_cache_read_tokens = Counter(
    names.METRIC_GEN_AI_CACHE_READ_TOKENS, "Tokens of prompts that endpoints read from a cache.", _GEN_AI
)
gen_ai_cache_write_tokens = Counter(
    names.METRIC_GEN_AI_CACHE_WRITE_TOKENS, "Tokens of prompts that endpoints wrote to a cache.", _GEN_AI
)
gen_ai_reasoning_tokens = Counter(
    names.METRIC_GEN_AI_REASONING_TOKENS, "Tokens of answers that were thoughts.", _GEN_AI
)
usage_known = Counter(
    names.METRIC_USAGE_KNOWN, "Model calls ended, by who says how many tokens they took.", ("model", "usage_state")
)
cost_usd = Counter(names.METRIC_COST_USD, "What calls cost, in US dollars, where a price is known.", ("model",))
inference_seconds = Histogram(
    names.METRIC_INFERENCE_SECONDS, "From the acceptance of an inference to its settlement.", ("settlement",),
    buckets=SECONDS,
)  # fmt: skip
in_flight = Gauge(names.METRIC_IN_FLIGHT, "Claimed inferences that this router is working on.")
in_line = Gauge(
    names.METRIC_IN_LINE, "Claimed inferences that wait in this router for their tenant's turn.", ("priority",)
)
line_age_seconds = Gauge(
    names.METRIC_LINE_AGE_SECONDS, "Since the acceptance of the oldest inference that waits in this router.",
    ("priority",),
)  # fmt: skip
begun_seconds = Histogram(
    names.METRIC_BEGUN_SECONDS, "From the acceptance of an inference to its first call by this router.", ("priority",),
    buckets=SECONDS,
)  # fmt: skip
claims = Counter(names.METRIC_CLAIMS, "Requests claimed, or handed back because the claim failed.", ("result",))
breakers = Gauge(
    names.METRIC_BREAKERS, "Models that this router does not call now (open), or only tries again (half_open).",
    ("state",),
)  # fmt: skip


def begun_after(request: InferenceRequested, now: datetime) -> None:
    begun_seconds.labels(request.priority).observe(max(0.0, (now - request.accepted_at).total_seconds()))


begin_at_zero(claims, ("claimed",), ("handed_back",))
