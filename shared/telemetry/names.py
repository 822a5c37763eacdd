"""Every span, attribute and metric name that Tallygate emits, declared once.

GenAI and messaging names follow the OpenTelemetry semantic conventions of 2026-10; they are still in
development there, so a rename is one edit here.
"""

# Spans: "send <topic>", "process <topic>", "chat <model>", "<METHOD> <route>"
SEND = "send"
PROCESS = "process"

# Messaging attributes
MESSAGING_SYSTEM = "messaging.system"
MESSAGING_OPERATION_TYPE = "messaging.operation.type"
MESSAGING_OPERATION_NAME = "messaging.operation.name"
MESSAGING_DESTINATION = "messaging.destination.name"
MESSAGING_PARTITION = "messaging.destination.partition.id"
MESSAGING_OFFSET = "messaging.kafka.offset"
MESSAGING_MESSAGE_ID = "messaging.message.id"

# GenAI attributes of a `chat <model>` span
GEN_AI_OPERATION = "gen_ai.operation.name"
GEN_AI_PROVIDER = "gen_ai.provider.name"
GEN_AI_REQUEST_MODEL = "gen_ai.request.model"
GEN_AI_RESPONSE_MODEL = "gen_ai.response.model"
GEN_AI_FINISH_REASONS = "gen_ai.response.finish_reasons"
GEN_AI_INPUT_TOKENS = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
GEN_AI_CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_CACHE_WRITE_TOKENS = "gen_ai.usage.cache_write.input_tokens"
GEN_AI_FIRST_CHUNK_SECONDS = "gen_ai.client.inference.time_to_first_chunk"
GEN_AI_CHUNK_SECONDS = "gen_ai.client.inference.time_per_output_chunk"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
HTTP_METHOD = "http.request.method"
HTTP_ROUTE = "http.route"
HTTP_STATUS = "http.response.status_code"

# Our own attributes
INFERENCE_ID = "tallygate.inference.id"
ATTEMPT_ID = "tallygate.attempt.id"
ATTEMPT_NUMBER = "tallygate.attempt.number"
MODEL_ID = "tallygate.model.id"
CHUNKS = "tallygate.chunks"
TENANT = "tallygate.tenant"
SETTLEMENT = "tallygate.settlement"

# Metrics of the GenAI conventions, as OpenTelemetry writes them for Prometheus
METRIC_GEN_AI_SECONDS = "gen_ai_client_inference_duration_seconds"
METRIC_GEN_AI_OPERATION_SECONDS = "gen_ai_client_operation_duration_seconds"
METRIC_GEN_AI_FIRST_CHUNK_SECONDS = "gen_ai_client_inference_time_to_first_chunk_seconds"
METRIC_GEN_AI_CHUNK_SECONDS = "gen_ai_client_inference_time_per_output_chunk_seconds"
METRIC_GEN_AI_INPUT_TOKENS = "gen_ai_client_inference_usage_input_tokens_total"
METRIC_GEN_AI_OUTPUT_TOKENS = "gen_ai_client_inference_usage_output_tokens_total"
METRIC_GEN_AI_CACHE_READ_TOKENS = "gen_ai_client_inference_usage_cache_read_input_tokens_total"
METRIC_GEN_AI_CACHE_WRITE_TOKENS = "gen_ai_client_inference_usage_cache_write_input_tokens_total"

# Metrics (Prometheus): instruments.py describes what each one counts
METRIC_HTTP_REQUESTS = "tallygate_http_requests_total"
METRIC_HTTP_SECONDS = "tallygate_http_request_duration_seconds"
METRIC_ATTEMPTS = "tallygate_attempts_total"
METRIC_ATTEMPT_SECONDS = "tallygate_attempt_duration_seconds"
METRIC_ATTEMPT_FIRST_CHUNK_SECONDS = "tallygate_attempt_first_chunk_seconds"
METRIC_ATTEMPT_CHUNK_SECONDS = "tallygate_attempt_chunk_seconds"
METRIC_SETTLEMENTS = "tallygate_settlements_total"
METRIC_IN_FLIGHT = "tallygate_inferences_in_flight"
METRIC_IN_LINE = "tallygate_inferences_in_line"
METRIC_CLAIMS = "tallygate_claims_total"
METRIC_BOOKED = "tallygate_events_booked_total"
METRIC_RECOVERED = "tallygate_orphans_recovered_total"
METRIC_BOOK_SECONDS = "tallygate_booking_duration_seconds"
METRIC_LAG_SECONDS = "tallygate_monitor_lag_seconds"
METRIC_DEAD_LETTERS = "tallygate_dead_letters_total"
METRIC_FEATURES = "tallygate_features_total"
METRIC_FEATURES_IN_HAND = "tallygate_features_in_hand"
METRIC_WAITING = "tallygate_replies_awaited"
METRIC_STREAMS = "tallygate_streams_open"
METRIC_FIRST_CHUNK_SECONDS = "tallygate_stream_first_chunk_seconds"
METRIC_REJECTIONS_UNRECORDED = "tallygate_rejections_unrecorded_total"
