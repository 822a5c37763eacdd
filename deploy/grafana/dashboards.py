"""The dashboards. Each panel says its unit and what it shows; docs/metrics.md says what each metric is."""

from deploy.grafana.writing import Dashboard, Panel, Query

_RATE = "$__rate_interval"
_HALF, _MOST, _NEARLY_ALL = 0.5, 0.95, 0.99


def _rate(metric: str, by: str = "", where: str = "") -> str:
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (rate({metric}{where}[{_RATE}]))"


def _quantile(quantile: float, histogram: str, by: str = "", where: str = "") -> str:
    grouped = f"le, {by}" if by else "le"
    return f"histogram_quantile({quantile:g}, sum by ({grouped}) (rate({histogram}_bucket{where}[{_RATE}])))"


def _quantiles(histogram: str) -> tuple[Query, ...]:
    return tuple(Query(_quantile(one, histogram), f"p{one * 100:.0f}") for one in (_HALF, _MOST, _NEARLY_ALL))


_CALLS = "gen_ai_client_inference_duration_seconds"
_USAGE = "gen_ai_client_inference_usage"
_MODEL = "gen_ai_request_model"

OVERVIEW = Dashboard(
    "tallygate-overview",
    "Tallygate: overview",
    "What is asked, what fails, how long it takes, what it costs, and whether the books keep up.",
    (
        Panel(
            "Inferences settled",
            "Each accepted inference is settled once; `rejected` are refusals at the door.", "reqps",
            (Query(_rate("tallygate_settlements_total", "settlement"), "{{settlement}}"),),
        ),
        Panel(
            "Failures by type",
            "Inferences that were not completed. docs/errors.md says what to do about each type.", "reqps",
            (Query(_rate("tallygate_settlements_total", "error_type", '{settlement!="completed"}'), "{{error_type}}"),),
            may_be_empty="Empty while nothing has failed.",
        ),
        Panel(
            "Share that fails",
            "Over five minutes. Between calls and inferences are retries and fallbacks.", "percentunit",
            (
                Query("tallygate:settlements:failed_ratio5m", "inferences"),
                Query("tallygate:attempts:failed_ratio5m", "calls"),
                Query("tallygate:http_requests:server_error_ratio5m", "HTTP answers with 5xx"),
            ),
        ),
        Panel(
            "Duration of an inference", "From its acceptance to its settlement, line and calls included.", "s",
            _quantiles("tallygate_inference_duration_seconds"), exemplars=True,
        ),
        Panel(
            "Time to the first chunk", "From a streamed request to the first chunk that its caller was told.", "s",
            _quantiles("tallygate_stream_first_chunk_seconds"), exemplars=True,
            may_be_empty="Empty while nobody streams.",
        ),
        Panel(
            "In work",
            "Claimed by a router and called for; waiting in a router for their tenant's turn; awaited by "
            "gateways.", "short",
            (
                Query("sum(tallygate_inferences_in_flight)", "in flight"),
                Query("sum by (priority) (tallygate_inferences_in_line)", "in line: {{priority}}"),
                Query("sum(tallygate_replies_awaited)", "replies awaited"),
                Query("sum(tallygate_streams_open)", "streams open"),
            ),
        ),
        Panel(
            "Age of the queue", "How long the oldest request that no router has claimed has been waiting.", "s",
            (Query("max by (topic) (tallygate_queue_age_seconds)", "{{topic}}"),),
        ),
        Panel(
            "The books are behind by", "Age of the newest event on the topics that is not booked; 0 when all are.", "s",
            (Query("max(tallygate_monitor_lag_seconds)", "lag"),),
        ),
        Panel(
            "Routers that are heard", "By their heartbeats. Without one no model is called.", "short",
            (Query("max(tallygate_routers_alive)", "routers"),), kind="stat",
        ),
        Panel(
            "Cost", "Of the last hour, of calls with a known price.", "currencyUSD",
            (Query("tallygate:cost_usd:increase1h", "an hour"),), kind="stat",
            may_be_empty="Empty while no call has a price.",
        ),
        Panel(
            "Tokens", "As endpoints count them, or estimated where they do not.", "short",
            (
                Query(_rate(f"{_USAGE}_input_tokens_total"), "input, each second"),
                Query(_rate(f"{_USAGE}_output_tokens_total"), "output, each second"),
            ),
        ),
        Panel(
            "Health of models", "Models that were called lately or are not well, as the monitor judges them.", "short",
            (Query("max by (status) (tallygate_models)", "{{status}}"),),
        ),
    ),
)  # fmt: skip

MODELS = Dashboard(
    "tallygate-models",
    "Tallygate: models and calls",
    "Calls of models. Tenants' models are all `custom`, unless TALLYGATE_METRICS_MODEL_NAMES says otherwise.",
    (
        Panel(
            "Calls by model", "Retries and fallbacks are calls too.", "reqps",
            (Query(_rate("tallygate_attempts_total", "model"), "{{model}}"),),
        ),
        Panel(
            "Calls that fail, by type", "docs/errors.md says what to do about each type.", "reqps",
            (Query(_rate("tallygate_attempts_total", "error_type", '{outcome="failed"}'), "{{error_type}}"),),
            may_be_empty="Empty while no call has failed.",
        ),
        Panel(
            "Share of calls that fail, by model", "Over the interval of the chart.", "percentunit",
            (
                Query(
                    f'{_rate("tallygate_attempts_total", "model", """{outcome="failed"}""")} '
                    f'/ {_rate("tallygate_attempts_total", "model")}',
                    "{{model}}",
                ),
            ),
            may_be_empty="Empty while no call has failed.",
        ),
        Panel(
            "Duration of chat calls", "From the start of a call to the end of its answer.", "s",
            _quantiles(_CALLS), exemplars=True,
        ),
        Panel(
            "Duration of chat calls by model, p95", "95 of 100 calls are over within this time.", "s",
            (Query(_quantile(_MOST, _CALLS, _MODEL), "{{gen_ai_request_model}}"),), exemplars=True,
        ),
        Panel(
            "Duration of embeddings and rankings, p95", "By operation.", "s",
            (
                Query(
                    _quantile(_MOST, "gen_ai_client_operation_duration_seconds", "gen_ai_operation_name"),
                    "{{gen_ai_operation_name}}",
                ),
            ),
            exemplars=True, may_be_empty="Empty while nobody asks for them.",
        ),
        Panel(
            "Time to the first chunk of a call, p95",
            "From a streamed call to its first chunk with content, by model.", "s",
            (
                Query(
                    _quantile(_MOST, "gen_ai_client_inference_time_to_first_chunk_seconds", _MODEL),
                    "{{gen_ai_request_model}}",
                ),
            ),
            exemplars=True, may_be_empty="Empty while nobody streams.",
        ),
        Panel(
            "Time between two chunks, p95", "On the average of a call, from its first content on, by model.", "s",
            (
                Query(
                    _quantile(_MOST, "gen_ai_client_inference_time_per_output_chunk_seconds", _MODEL),
                    "{{gen_ai_request_model}}",
                ),
            ),
            may_be_empty="Empty while nobody streams.",
        ),
        Panel(
            "Models that are not called now",
            "Paused after failures in a row (open), or tried again by single calls (half_open); the worst "
            "router.", "short",
            (Query("max by (state) (tallygate_breakers)", "{{state}}"),),
        ),
        Panel(
            "Tokens by model", "Input and output, each second.", "short",
            (
                Query(_rate(f"{_USAGE}_input_tokens_total", _MODEL), "{{gen_ai_request_model}} input"),
                Query(_rate(f"{_USAGE}_output_tokens_total", _MODEL), "{{gen_ai_request_model}} output"),
            ),
        ),
        Panel(
            "Tokens from caches, and thoughts", "Among those of prompts and of answers.", "short",
            (
                Query(_rate(f"{_USAGE}_cache_read_input_tokens_total"), "read from a cache"),
                Query(_rate(f"{_USAGE}_cache_write_input_tokens_total"), "written to a cache"),
                Query(_rate(f"{_USAGE}_reasoning_output_tokens_total"), "thoughts"),
            ),
            may_be_empty="Empty while no endpoint tells of any.",
        ),
        Panel(
            "Who counts the tokens", "The endpoint, an estimate, or nobody; of calls.", "reqps",
            (Query(_rate("tallygate_attempts_by_usage_total", "usage_state"), "{{usage_state}}"),),
        ),
        Panel(
            "Cost by model", "Of the last hour, of calls with a known price.", "currencyUSD",
            (Query("sum by (model) (increase(tallygate_cost_usd_total[1h]))", "{{model}}"),),
            may_be_empty="Empty while no call has a price.",
        ),
    ),
)  # fmt: skip

BOOKS = Dashboard(
    "tallygate-books",
    "Tallygate: books and recovery",
    "Whether every inference is on record and settled, whoever dies.",
    (
        Panel(
            "The books are behind by", "Age of the newest event on the topics that is not booked; 0 when all are.", "s",
            (Query("max(tallygate_monitor_lag_seconds)", "lag"),),
        ),
        Panel(
            "Events booked", "Late ones came after another word that counts, and are kept beside it.", "eps",
            (Query(_rate("tallygate_events_booked_total", "kind"), "{{kind}}"),),
        ),
        Panel(
            "Time to write a batch", "Of up to TALLYGATE_MONITOR_BATCH events, in one transaction.", "s",
            _quantiles("tallygate_booking_duration_seconds"),
        ),
        Panel(
            "Open inferences",
            "On record and not settled; overdue ones are open longer than anybody may need.", "short",
            (
                Query("max(tallygate_inferences_open)", "open"),
                Query("max(tallygate_overdue)", "overdue"),
                Query("max(tallygate_orphans_open)", "orphans"),
            ),
        ),
        Panel(
            "What routers did not finish", "By what the monitor did with it: handed out again, or settled.", "ops",
            (Query(_rate("tallygate_orphans_recovered_total", "action"), "{{action}}"),),
        ),
        Panel(
            "Claims", "Requests claimed by routers, or handed back because the claim failed.", "reqps",
            (Query(_rate("tallygate_claims_total", "result"), "{{result}}"),),
        ),
        Panel(
            "Dead letters", "Messages that could not be handled, by topic: docs/runbooks/dead-letters.md.", "short",
            (Query("sum by (topic) (increase(tallygate_dead_letters_total[1h]))", "{{topic}}, the last hour"),),
        ),
        Panel(
            "Rejections that the books lack", "The broker did not take them in time.", "short",
            (Query("sum(increase(tallygate_rejections_unrecorded_total[1h]))", "the last hour"),),
        ),
        Panel(
            "Size of the database", "All of it. `tallygate books size` tells it by table and day.", "bytes",
            (Query("max(tallygate_database_bytes)", "database"),),
        ),
        Panel(
            "Room on disks", "Of the machines that have a node exporter.", "percentunit",
            (
                Query(
                    'node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs"} '
                    '/ node_filesystem_size_bytes{fstype!~"tmpfs|overlay|squashfs"}',
                    "{{instance}} {{mountpoint}}",
                ),
            ),
            may_be_empty="Empty without a node exporter.",
        ),
        Panel(
            "Requests by Kafka", "Of upstream services: taken, or refused by error type.", "reqps",
            (Query(_rate("tallygate_ingress_requests_total", "topic, result"), "{{topic}}: {{result}}"),),
            may_be_empty="Empty without ingress topics: docs/upstream.md.",
        ),
        Panel(
            "Ingress topics are behind by", "The age of the oldest record that a gateway has in hand.", "s",
            (Query("max by (topic) (tallygate_ingress_age_seconds)", "{{topic}}"),),
            may_be_empty="Empty without ingress topics: docs/upstream.md.",
        ),
        Panel(
            "Feature jobs", "Jobs in hand of all workers.", "short",
            (Query("sum(tallygate_features_in_hand)", "in hand"),),
        ),
        Panel(
            "Feature jobs settled", "By how they ended.", "short",
            (Query("sum by (settlement) (increase(tallygate_features_total[1h]))", "{{settlement}}, the last hour"),),
            may_be_empty="Empty while no job has ended.",
        ),
    ),
)  # fmt: skip

JOBS = Dashboard(
    "tallygate-jobs",
    "Tallygate: jobs and lanes",
    "What waits, by lane; batches, webhooks, and answers to upstream services.",
    (
        Panel(
            "Age of the queue, by topic",
            "How long the oldest request that no router has claimed has been waiting. Bulk may wait for long.", "s",
            (Query("max by (topic) (tallygate_queue_age_seconds)", "{{topic}}"),),
        ),
        Panel(
            "Requests that no router has claimed", "By topic; on that of bulk, lines of batches.", "short",
            (Query("max by (topic) (tallygate_queue_length)", "{{topic}}"),),
        ),
        Panel(
            "From acceptance to the first call, p95", "By lane.", "s",
            (Query(_quantile(_MOST, "tallygate_inference_begun_seconds", "priority"), "{{priority}}"),),
            may_be_empty="Empty while nothing is begun.",
        ),
        Panel(
            "Waiting in routers", "Claimed, and in line for their tenant's turn, by lane.", "short",
            (Query("sum by (priority) (tallygate_inferences_in_line)", "{{priority}}"),),
        ),
        Panel(
            "Age of the lines in routers", "Since the acceptance of the oldest that waits, by lane.", "s",
            (Query("max by (priority) (tallygate_line_age_seconds)", "{{priority}}"),),
        ),
        Panel(
            "Batches in hand", "That workers feed.", "short",
            (Query("sum(tallygate_batches_in_hand)", "in hand"),),
        ),
        Panel(
            "Lines of batches", "Begun by gateways; written to a file, as answered or failed.", "ops",
            (
                Query(_rate("tallygate_batch_lines_begun_total"), "begun"),
                Query(_rate("tallygate_batch_lines_ended_total", "outcome"), "{{outcome}}"),
            ),
        ),
        Panel(
            "Rounds of batches",
            "Asked of gateways by workers; `refused`: some lines may not be sent now; `failed`: no gateway "
            "answered.", "ops",
            (Query(_rate("tallygate_batch_rounds_total", "outcome"), "{{outcome}}"),),
        ),
        Panel(
            "Batches settled", "By how they ended.", "short",
            (Query("sum by (status) (increase(tallygate_batches_settled_total[1h]))", "{{status}}, the last hour"),),
        ),
        Panel(
            "Calls of webhooks", "By whether the receiver took what it was sent.", "ops",
            (Query(_rate("tallygate_webhook_tries_total", "outcome"), "{{outcome}}"),),
        ),
        Panel(
            "Events for webhooks", "Kept for delivery, or dropped as too many wait.", "ops",
            (Query(_rate("tallygate_webhook_events_total", "fate"), "{{fate}}"),),
        ),
        Panel(
            "Webhooks disabled", "As nothing was taken for too long, or they are gone.", "short",
            (Query("sum(increase(tallygate_webhooks_disabled_total[1d]))", "the last day"),), kind="stat",
        ),
        Panel(
            "Replies to upstream services", "Told on the topics that they named; `failed` ones are put off.", "ops",
            (Query(_rate("tallygate_upstream_replies_total", "fate"), "{{fate}}"),),
        ),
    ),
)  # fmt: skip

PROCESSES = Dashboard(
    "tallygate-processes",
    "Tallygate: processes",
    "The processes themselves: up or not, CPU, memory, connections, and the gateways' HTTP.",
    (
        Panel(
            "Processes that answer", "By service.", "short",
            (Query('sum by (job) (up{job=~"tallygate-.+"})', "{{job}}"),), kind="stat",
        ),
        Panel(
            "Versions", "Processes by version; two of them during a rolling restart.", "short",
            (Query("count by (service, version) (tallygate_build_info)", "{{service}} {{version}}"),), kind="stat",
        ),
        Panel(
            "Running for", "Since the start of each process.", "s",
            (Query('time() - process_start_time_seconds{job=~"tallygate-.+"}', "{{job}} {{instance}}"),),
        ),
        Panel(
            "CPU", "Cores, of each process; one Python process uses about one.", "short",
            (Query(f'rate(process_cpu_seconds_total{{job=~"tallygate-.+"}}[{_RATE}])', "{{job}} {{instance}}"),),
        ),
        Panel(
            "Memory", "Resident, of each process.", "bytes",
            (Query('process_resident_memory_bytes{job=~"tallygate-.+"}', "{{job}} {{instance}}"),),
        ),
        Panel(
            "Open files and connections", "Of what the system allows.", "percentunit",
            (
                Query(
                    'process_open_fds{job=~"tallygate-.+"} / process_max_fds{job=~"tallygate-.+"}',
                    "{{job}} {{instance}}",
                ),
            ),
        ),
        Panel(
            "HTTP requests by route", "Answered by gateways.", "reqps",
            (Query(_rate("tallygate_http_requests_total", "route"), "{{route}}"),),
        ),
        Panel(
            "HTTP requests by status", "499: the caller left.", "reqps",
            (Query(_rate("tallygate_http_requests_total", "status"), "{{status}}"),),
        ),
        Panel(
            "Time to answer, by route, p95", "A stream's to its end.", "s",
            (Query(_quantile(_MOST, "tallygate_http_request_duration_seconds", "route"), "{{route}}"),), exemplars=True,
        ),
    ),
)  # fmt: skip

DASHBOARDS = (OVERVIEW, MODELS, BOOKS, JOBS, PROCESSES)
