"""The other table of docs/metrics.md: every span, and which services make it. Those of topics follow from topics."""

from typing import NamedTuple

from shared.events.topics import ATTEMPTS, OUTCOMES, REPLIES, REQUEST_TOPICS, TOPICS
from shared.telemetry.names import PROCESS, SEND

_BEGIN, _END = "<!-- table of spans -->", "<!-- end of spans -->"
_HEAD = "\n| span | kind | made by |\n|---|---|---|\n"
_SERVICES = ("gateway", "router", "monitor", "features", "jobs")


class SpanRow(NamedTuple):
    """name: with what differs from span to span in angle brackets."""

    name: str
    kind: str
    made_by: tuple[str, ...]


SPANS = (
    SpanRow("<METHOD> <path>", "SERVER", ("gateway",)),
    SpanRow("<operation> <model>", "CLIENT", ("router",)),
    *(SpanRow(f"{PROCESS} {topic.name}", "CONSUMER", ("router", "monitor")) for topic in REQUEST_TOPICS),
    SpanRow(f"{PROCESS} {ATTEMPTS.name}", "CONSUMER", ("monitor",)),
    SpanRow(f"{PROCESS} {OUTCOMES.name}", "CONSUMER", ("monitor",)),
    SpanRow(f"{PROCESS} {REPLIES.name}", "CONSUMER", ("gateway", "features")),
    *(
        SpanRow(f"{SEND} {topic.name}", "PRODUCER", tuple(one for one in _SERVICES if one in topic.written_by))
        for topic in TOPICS
    ),
)


def with_spans(page: str) -> str:
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    rows = "".join(f"| `{name}` | {kind} | {', '.join(made_by)} |\n" for name, kind, made_by in SPANS)
    return f"{before}{_BEGIN}\n{_HEAD}{rows}\n{_END}{after}"
