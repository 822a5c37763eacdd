"""The model names that this server knows, and what each of them makes it do.

The table `BEHAVIOURS` is the one place where names are given a meaning; `GET /v1/models` lists it. A name
that it does not hold is answered like `fault-404-model`. In short:

- `demo`, `demo-delay-<ms>`, `demo-tokens-<n>`, `demo-tools`, `demo-tools-<n>`, `demo-reasoning`: answers
- `demo-rate-<n>-count-<n>`, `demo-silence-<ms>`: answers that take their time when they are streamed
- `demo-vectors-numbers`, `-base64`, `-bare`, `-only`, `fault-vectors-missing`: embeddings and rankings in other forms
- `script-<name>`: what a script says (scripts.py); 400 when no answer of it is left
- `flaky-<n>`: 503 for the first n calls with the same last user message, then an answer
- `fault-400`, `-400-context`, `-400-filter`, `-401`, `-403`, `-404`, `-404-model`, `-418`, `-429`, `-429-<s>`,
  `-429-quota`, `-500`, `-503`, `-529`: refusals
- `fault-redirect`, `-slow-headers-<ms>`, `-slow-body-<ms>`, `-hang`, `-reset`, `-half-body`:
  trouble on the wire
- `fault-not-json`, `-no-choices`, `-empty`, `-broken-stream`, `-error-in-stream`, `-huge-<mb>`,
  `-long-error-<kb>`: bad answers
- `fault-stream-comments`, `-crlf`, `-cr`, `-one-packet`, `-drip`, `-split-characters`, `-no-done`, `-usage-early`,
  `-usage-late`, `-usage-with-content`, `-empty-deltas`, `-as-json`, `-unasked`: streams that are whole, in an odd form
- `fault-stream-reset-first`, `-reset-mid`, `-eof-mid`, `-half-event`, `-silent-first`, `-silent-mid`,
  `-only-comments`, `-not-json`, `-error-first`, `-error-429`, `-error-529`, `-error-text`, `-error-plain`,
  `-error-choice`, `-error-then-done`: streams that are not whole
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One row of the table, with the numbers that the model name carried (0 when it carries none)."""

    name: str
    number: int = 0
    second: int = 0


@dataclass(frozen=True, slots=True)
class BehaviourRow:
    """`model` is the name as a caller writes it: `<ms>`, `<n>`, `<s>` and `<mb>` stand for a whole number, and
    `<name>` for the name of a script."""

    model: str
    description: str
    name: str = field(init=False)
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", re.sub(r"-<\w+>", "", self.model))
        named = self.model.removesuffix("<name>")
        pattern = re.sub(r"<\w+>", r"([0-9]{1,6})", self.model) if named == self.model else f"{named}[\\w.-]{{1,64}}"
        object.__setattr__(self, "pattern", re.compile(pattern, re.ASCII))


BEHAVIOURS = (
    BehaviourRow("demo", "answers at once"),
    BehaviourRow("demo-delay-<ms>", "answers after so many milliseconds"),
    BehaviourRow("demo-tokens-<n>", "answers with so many words"),
    BehaviourRow("demo-tools", "calls the first tool that it is given, and answers when there is none"),
    BehaviourRow("demo-tools-<n>", "the same, so many times in one answer"),
    BehaviourRow("demo-reasoning", "thinks before it answers"),
    BehaviourRow("demo-rate-<n>-count-<n>", "streams so many chunks a second, and so many in all"),
    BehaviourRow("demo-silence-<ms>", "streams the first half of its answer, and so many milliseconds later the rest"),
    BehaviourRow("demo-vectors-numbers", "embeddings as numbers, also where base64 is asked for"),
    BehaviourRow("demo-vectors-base64", "embeddings in base64, also where numbers are asked for"),
    BehaviourRow("demo-vectors-bare", "embeddings as Ollama's own interface has them, rankings as TEI has them"),
    BehaviourRow("demo-vectors-only", "embeddings and rankings; 400 to a chat"),
    BehaviourRow("fault-vectors-missing", "one embedding too few, or a ranking of a document that was not sent"),
    BehaviourRow("script-<name>", "answers as the script says that PUT /scripts/<name> has stored"),
    BehaviourRow("flaky-<n>", "503 for the first n calls with the same last user message, then answers"),
    BehaviourRow("fault-400", "400 invalid_request_error"),
    BehaviourRow("fault-400-context", "400 context_length_exceeded"),
    BehaviourRow("fault-400-filter", "400 content_filter"),
    BehaviourRow("fault-401", "401 with the start of the key in its message"),
    BehaviourRow("fault-403", "403 permission denied"),
    BehaviourRow("fault-404", "404 page that is not JSON"),
    BehaviourRow("fault-404-model", "404 model_not_found"),
    BehaviourRow("fault-418", "418, a status that no client knows"),
    BehaviourRow("fault-429", "429 with Retry-After: 1"),
    BehaviourRow("fault-429-<s>", "429 with Retry-After: so many seconds"),
    BehaviourRow("fault-429-quota", "429 insufficient_quota"),
    BehaviourRow("fault-500", "500 server_error"),
    BehaviourRow("fault-503", "503 service unavailable"),
    BehaviourRow("fault-529", "529 overloaded_error"),
    BehaviourRow("fault-redirect", "307 to /elsewhere, which keeps in the ledger who followed it"),
    BehaviourRow("fault-slow-headers-<ms>", "nothing for so many milliseconds, then an answer"),
    BehaviourRow("fault-slow-body-<ms>", "headers at once, the body bit by bit over so many milliseconds"),
    BehaviourRow("fault-hang", "no answer until the client goes away"),
    BehaviourRow("fault-reset", "TCP reset before the first byte"),
    BehaviourRow("fault-half-body", "half of the promised body, then the connection closes"),
    BehaviourRow("fault-not-json", "200 with an HTML page"),
    BehaviourRow("fault-no-choices", "200 with JSON that holds no choices, or no content"),
    BehaviourRow("fault-empty", "200 with an empty body"),
    BehaviourRow("fault-broken-stream", "the first half of a stream, then the connection closes"),
    BehaviourRow("fault-error-in-stream", "the first half of a stream, then an error event; else 500"),
    BehaviourRow("fault-huge-<mb>", "200 with a body of so many MiB"),
    BehaviourRow("fault-long-error-<kb>", "500 with a message of so many KiB that begins as a token does"),
    # The streams that are whole, in an odd form; without `stream` these answer as `demo` does.
    BehaviourRow("fault-stream-comments", "comments between its events and within them"),
    BehaviourRow("fault-stream-crlf", "lines that end in CR and LF"),
    BehaviourRow("fault-stream-cr", "lines that end in CR"),
    BehaviourRow("fault-stream-one-packet", "all events in one packet"),
    BehaviourRow("fault-stream-drip", "CR and LF, and seven bytes at a time"),
    BehaviourRow("fault-stream-split-characters", "text beyond ASCII, each character of it in two packets"),
    BehaviourRow("fault-stream-no-done", "a finish_reason, and no [DONE] or message_stop after it"),
    BehaviourRow("fault-stream-usage-early", "the usage before the finish_reason"),
    BehaviourRow("fault-stream-usage-late", "the usage after [DONE] or message_stop"),
    BehaviourRow("fault-stream-usage-with-content", "the usage with the last content"),
    BehaviourRow("fault-stream-empty-deltas", "deltas that hold nothing between the others"),
    BehaviourRow("fault-stream-as-json", "one JSON object, although a stream was asked for"),
    BehaviourRow("fault-stream-unasked", "a stream, although none was asked for"),
    # The streams that are not whole. `mid` is after half of the content, `first` before any.
    BehaviourRow("fault-stream-reset-first", "TCP reset before the first content"),
    BehaviourRow("fault-stream-reset-mid", "TCP reset in the middle"),
    BehaviourRow("fault-stream-eof-mid", "ends in the middle as if it were whole, without a finish_reason"),
    BehaviourRow("fault-stream-half-event", "ends in the middle of an event"),
    BehaviourRow("fault-stream-silent-first", "headers, then nothing until the client goes away"),
    BehaviourRow("fault-stream-silent-mid", "half of it, then nothing until the client goes away"),
    BehaviourRow("fault-stream-only-comments", "comments, and never an event"),
    BehaviourRow("fault-stream-not-json", "an event in the middle that is not JSON; then it goes on"),
    BehaviourRow("fault-stream-error-first", "an error event before any content"),
    BehaviourRow("fault-stream-error-429", "an error event in the middle: a rate limit"),
    BehaviourRow("fault-stream-error-529", "an error event in the middle: overloaded"),
    BehaviourRow("fault-stream-error-text", "an error event in the middle: a text in the place of the object"),
    BehaviourRow("fault-stream-error-plain", "an error event in the middle that is not JSON"),
    BehaviourRow("fault-stream-error-choice", "an error in a choice, with the finish_reason `error`"),
    BehaviourRow("fault-stream-error-then-done", "an error event in the middle, then [DONE] or message_stop"),
)

# What callers bring about by other means than the model name.
INVALID_REQUEST = Behaviour("invalid-request")
REDIRECT_FOLLOWED = Behaviour("redirect-followed")
UNKNOWN_MODEL = Behaviour("unknown-model")

_NUMBER_WHEN_NONE = {"fault-429": 1, "demo-tools": 1}


def _without_number(name: str) -> Behaviour:
    return Behaviour(name, _NUMBER_WHEN_NONE.get(name, 0))


@lru_cache(maxsize=4096)
def behaviour_of(model: str) -> Behaviour:
    for row in BEHAVIOURS:
        if match := row.pattern.fullmatch(model):
            return Behaviour(row.name, *map(int, match.groups())) if match.lastindex else _without_number(row.name)
    return UNKNOWN_MODEL
