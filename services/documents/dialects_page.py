"""docs/dialects.md: field by field, what becomes of one dialect in another, from the tables of `shared/wire`."""

from collections.abc import Iterator
from typing import NamedTuple

from shared.wire.chat_by_messages.answer_fields import MESSAGE_TO_COMPLETION
from shared.wire.chat_by_messages.chat_fields import CHAT_TO_MESSAGES
from shared.wire.fields import Row, Table
from shared.wire.messages.message_fields import COMPLETION_TO_MESSAGE, MESSAGES_TO_CHAT

_HEAD = """\
# Dialects

Callers speak one dialect, and an endpoint may speak another. This page says for each field what becomes of it. It is
made by `tallygate documents` from the tables by which the translators work (`shared/wire/*_fields.py`), and
`make check` holds the two together.

An endpoint of the caller's own dialect gets everything as it is, fields that we do not know included. For an endpoint
of the other dialect each field is

- **same**: copied as it is,
- **translated**: to what its row names,
- **refused**: before the call, with the field's name; the next candidate that can say it is asked, and if there is
  none, the request ends as `invalid_request` (400). Values behind "asks for nothing" pass, as `null` does everywhere,
- **left out**: since it asks nothing of the model or its answer, as its row says.

A field without a row is refused by its name.
"""


class Section(NamedTuple):
    title: str
    words: str
    rows: Table


_SECTIONS = (
    Section(
        "OpenAI's chat to an Anthropic endpoint",
        """\
The endpoint's rules are kept: texts without a letter are dropped, messages of one role in a row become one, a chat that
begins with the assistant gets a first word of the user, a final turn of the assistant loses its last whitespace, and
results stand right after their calls. A call without a result, or a result without a call, is refused by its place.
System messages go before the conversation, wherever they stand.
""",
        CHAT_TO_MESSAGES,
    ),
    Section("An Anthropic endpoint's answer to a chat", "", MESSAGE_TO_COMPLETION),
    Section(
        "Anthropic's messages to a chat endpoint",
        """\
Hints for Anthropic's cache (`cache_control`) have no answer, so they are left out. An Anthropic endpoint gets a body as
it is, but for what another model left in the conversation and Anthropic's refuse: thoughts that are not their own, and
ids of calls that are no ids there.
""",
        MESSAGES_TO_CHAT,
    ),
    Section(
        "A chat endpoint's answer to messages",
        """\
In a stream, blocks never interleave: a tool call that begins while another is not whole waits until that one is.
""",
        COMPLETION_TO_MESSAGE,
    ),
)


def dialects_page() -> str:
    return "".join((_HEAD, *(line for section in _SECTIONS for line in _section(section))))


def _section(section: Section) -> Iterator[str]:
    yield f"\n## {section.title}\n"
    if section.words:
        yield f"\n{section.words}"
    for place, rows in section.rows.items():
        yield f"\n### {place}\n\n| field | | becomes | |\n|---|---|---|---|\n"
        yield from (_line(row) for row in rows.values())


def _line(row: Row) -> str:
    nothing = [f"asks for nothing: {', '.join(f'`{_shown(value)}`' for value in row.nothing)}"] if row.nothing else []
    remark = "; ".join([row.why, *nothing] if row.why else nothing)
    becomes = ", ".join(f"`{part}`" for part in row.becomes.split(", ")) if row.becomes else ""
    return f"| `{row.field}` | {row.how.replace('_', ' ')} | {becomes} | {remark} |\n"


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).replace("'", '"')
