"""Limits that no setting changes, with their values as the code has them."""

from dataclasses import fields
from typing import NamedTuple

from services.features import outcomes
from services.features.codegen.check import execution, parsing
from services.features.codegen.source import ReadLimits
from services.gateway.conversations import codebase
from services.gateway.files import form as file_form
from services.gateway.files import naming as file_naming
from services.gateway.inference import idempotency, rejections
from services.gateway.models import probe
from services.jobs.webhooks import retention as webhook_retention
from services.monitor import ranges
from services.monitor.errors import errors
from services.monitor.retention import retention
from services.monitor.series import series
from services.router import cancellations, claims, heartbeat, intake, pulse, reports, transport
from shared.access import authenticator
from shared.errors.redact import MAX_DETAIL_CHARS
from shared.events import bounds, topics
from shared.events.router import SILENCE_LIMIT_S
from shared.files import PART_BYTES
from shared.guard import framing
from shared.inferences import withdrawals
from shared.kafka import records
from shared.registry.providers import MAX_UPSTREAM_NAME
from shared.settings import Beyond
from shared.webhooks.events import MOST_WAITING
from shared.webhooks.store import MOST_TRIES
from shared.wire.reading import completions


class Fixed(NamedTuple):
    what: str
    most: float | str
    unit: str
    beyond: Beyond


_LEFT_OUT = Beyond(words="the rest is left out, and the event says how many there were")
_FORGOTTEN = Beyond(words="the oldest is forgotten, and read again when it is needed")
_NOT_READ = Beyond(words="what is beyond is left out, and the result says so")
_TOO_LARGE = Beyond("payload_too_large")

FIXED = {
    "Records": [
        Fixed("one record of a topic, with key, headers and frame", topics.MAX_RECORD_BYTES, "bytes",
              Beyond(words="the broker refuses it; what would make one ends as the next row says")),
        Fixed("the body of one event", topics.MAX_EVENT_BYTES, "bytes",
              Beyond("payload_too_large", words="`bad_response` (502) for an endpoint's answer, in a reply that fits")),
        Fixed("the compressed records of one batch, inflated", records.MAX_INFLATED_BYTES, "bytes",
              Beyond(words="one dead letter for the batch, which names the place of its last record")),
        Fixed("a dead letter", topics.MAX_DEAD_LETTER_BYTES, "bytes",
              Beyond(words="it carries digest, length and headers instead of the message")),
        Fixed("from an inference's acceptance to its deadline", bounds.MAX_LIFE_DAYS, "days",
              Beyond(words="a dead letter")),
        Fixed("models that an attempt lists as considered", reports.MAX_CANDIDATES_TOLD, "", _LEFT_OUT),
        Fixed("calls that a reply lists", reports._MAX_FAILED_TOLD, "", _LEFT_OUT),
        Fixed("finish reasons of one call that are on record", reports._MAX_FINISH_REASONS, "", _LEFT_OUT),
        Fixed("model calls that a feature job's settlement lists", outcomes._MAX_CALLS_TOLD, "", _LEFT_OUT),
        Fixed("the detail of a failure", MAX_DETAIL_CHARS, "characters", Beyond(words="it is cut, and ends in `…`")),
    ],
    "Requests": [
        Fixed("an `Idempotency-Key`", idempotency._KEY.pattern, "as a pattern", Beyond("invalid_request")),
        Fixed("changes of one model's health that are kept", retention.MOST_CHANGES, "", Beyond(words="the oldest go")),
        Fixed("how far back the range of a monitoring query goes", ranges.OLDEST.days, "days",
              Beyond("invalid_request", words="for a window; what an earlier `from` asks for is cut off")),
        Fixed("points of a series", series.MOST_POINTS, "", Beyond("invalid_request")),
        Fixed("groups of a series that have one of their own", series.MOST_SERIES, "",
              Beyond(words="the smaller ones are one series, `other`")),
        Fixed("groups of errors that are told, the most frequent first", errors.MOST_GROUPS, "",
              Beyond(words="`more_groups` says how many are left out")),
        Fixed("messages of a conversation that are sent to the model", codebase.HISTORY_MESSAGES, "",
              Beyond(words="older ones are left out")),
        Fixed("a file of a question about code", codebase._FILE_CHARS, "characters",
              Beyond(words="it is cut, and the prompt says so")),
        Fixed("the name of a provider's model in `TALLYGATE_PROVIDERS`", MAX_UPSTREAM_NAME, "characters",
              Beyond(words="the service does not start")),
    ],
    "Endpoints": [
        Fixed("bytes of an error's body that are read", transport._ERROR_BYTES, "bytes",
              Beyond(words="the rest is not read; the connection is closed")),
        Fixed("interim answers (1xx) before an answer", framing.MAX_INTERIM_ANSWERS, "", Beyond("bad_response")),
        Fixed("what an endpoint sends around its answer, beyond the answer's own length", framing.MAX_FRAMING_BYTES,
              "bytes", Beyond("stream_broken")),
        Fixed("choices of an answer, or blocks of its content", completions.MAX_CHOICES, "", Beyond("bad_response")),
        Fixed("objects, lists and members of an answer's JSON", completions.MAX_VALUES, "",
              Beyond("bad_response", words="so that reading one costs an event loop about 0.1 s of CPU at most")),
        Fixed("for an error's body", transport._ERROR_BODY_S, "s",
              Beyond(words="the call is classified by its status alone")),
        Fixed("models of an endpoint that a probe lists", probe._MAX_MODELS, "", Beyond(words="the rest is left out")),
        Fixed("the answer to a probe", probe._MAX_BODY_BYTES, "bytes", Beyond("bad_response")),
    ],
    "Routers and monitors": [
        Fixed("requests that a router claims together", claims._MAX_BATCH, "",
              Beyond(words="the next claim takes them")),
        Fixed("records that a router has read and not claimed", claims._MAX_TAKEN_BYTES, "bytes",
              Beyond(words="it reads on when they are claimed")),
        Fixed("a router's heartbeats without an ack", pulse.SILENT_AFTER_S, "s",
              Beyond(words="it claims nothing and begins no call")),
        Fixed("a router's loop that does nothing", heartbeat.STUCK_AFTER_S, "s",
              Beyond(words="its heartbeats end, and it is taken for dead")),
        Fixed("a router's silence", SILENCE_LIMIT_S, "s",
              Beyond(words="it is taken for dead, and its work is handed out again")),
    ],
    "Memories": [
        Fixed("requests that a router knows as taken", intake._REMEMBERED, "", _FORGOTTEN),
        Fixed("cancellations that a router knows", cancellations._REMEMBERED, "", _FORGOTTEN),
        Fixed("keys that a process knows", authenticator._KEPT, "", _FORGOTTEN),
        Fixed("refusals that wait to be put on record", rejections._MOST_WAITING, "",
              Beyond(words="they are counted, and not on record")),
        Fixed("withdrawals that wait for the broker", withdrawals._MOST_WAITING, "",
              Beyond(words="the oldest is given up, and logged")),
    ],
    "Webhooks": [
        Fixed("deliveries of one webhook that wait", MOST_WAITING, "",
              Beyond(words="further events are not kept for it, and counted at it")),
        Fixed("settled deliveries of one webhook", webhook_retention.MOST_KEPT, "",
              Beyond(words="the oldest are deleted")),
        Fixed("tries of a delivery that are shown", MOST_TRIES, "", Beyond(words="the oldest are left out")),
    ],
    "Files": [
        Fixed("a part of a file, which is sealed by itself", PART_BYTES, "bytes", Beyond(words="another part begins")),
        Fixed("fields of the form of an upload", file_form._MOST_FIELDS, "", Beyond("invalid_request")),
        Fixed("a field of it that is not the file", file_form._MOST_FIELD_BYTES, "bytes", Beyond("invalid_request")),
        Fixed("all of it that is not the file", file_form.FORM_BYTES, "bytes", _TOO_LARGE),
        Fixed("a file's name", file_naming._MOST_NAME_CHARS, "characters", Beyond("invalid_request")),
    ],
    "Repositories": [
        *(Fixed(f"`{limit.name}`", getattr(ReadLimits(), limit.name), "",
                _NOT_READ if limit.name in ("max_files", "max_file_bytes", "max_total_bytes") else _TOO_LARGE)
          for limit in fields(ReadLimits) if limit.name not in ("clone_timeout_s", "clone_depth")),
        Fixed("for reading all files of one draft", parsing.TIMEOUT_S, "s", Beyond("generation_invalid")),
        Fixed("what a checking command prints, of which the end is kept", execution.OUTPUT_BYTES, "bytes",
              Beyond(words="its beginning is left out")),
        Fixed("processes of a checking command", execution.MAX_PROCESSES, "", Beyond("generation_invalid")),
        Fixed("a file that a checking command writes", execution.MAX_FILE_BYTES, "bytes",
              Beyond("generation_invalid")),
    ],
}  # fmt: skip
