"""Dead letters as JSON and for people. The body is there only when it was asked for."""

import base64
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from services.cli.listing import Fields, Listing
from services.cli.output import cell, instant, plain
from shared.kafka import RecordMetadata
from shared.kafka.dead_letters.letter import DeadLetter, in_short


def in_full(letter: DeadLetter, *, with_body: bool) -> dict[str, Any]:
    headers = [{"name": name, "value": _text(value)} for name, value in letter.headers]
    fields = in_short(letter) | {"key": letter.key.hex() if letter.key is not None else None, "headers": headers}
    return fields | (_body(letter.body) if with_body else {})


def replayed(letter: DeadLetter, placed: RecordMetadata) -> dict[str, Any]:
    return {"id": str(letter.id), "topic": placed.topic, "partition": placed.partition, "offset": placed.offset}


def listed(body: dict[str, Any]) -> RenderableType:
    return Group(*(part for topic in body["topics"] for part in _topic(topic)))


def shown(body: dict[str, Any]) -> RenderableType:
    fields = (
        ("id", body["id"]),
        ("when", f"{instant(body['at'])} UTC"),
        ("error type", body["error_type"]),
        ("reason", body["reason"]),
        ("came from", _source(body)),
        ("replayed from", body["replayed_from"]),
        ("key", body["key"]),
        ("size", f"{body['size']} bytes"),
        *((("left out", body["left_out"]),) if body["left_out"] else ()),
        *((header["name"], header["value"]) for header in body["headers"]),
    )
    made = Fields([(plain(name), cell(value)) for name, value in fields])
    text = body.get("body", body.get("body_base64"))
    return made if text is None else Group(made, Text(), cell(text))


def replayed_text(body: dict[str, Any]) -> Text:
    place = f"{body['topic']}, partition {body['partition']}, offset {body['offset']}"
    return Text.assemble(("✓ ", "green"), (body["id"], "bold"), f" → {place}")


def _topic(body: dict[str, Any]) -> list[RenderableType]:
    entries, count = body["entries"], body["count"]
    left_off = f", the newest {len(entries)}:" if len(entries) < count else ""
    title = Text.assemble((body["dlq"], "bold"), f"  {count}{left_off}")
    if not entries:
        return [title]
    made = Listing("id", "when (UTC)", "error type", "reason", "came from", "bytes", numbers=("bytes",))
    for entry in entries:
        values = (instant(entry["at"]), entry["error_type"], entry["reason"], _source(entry), entry["size"])
        made.add_row(cell(entry["id"], "bold"), *map(cell, values))
    return [title, made, Text()]


def _source(entry: dict[str, Any]) -> str:
    if entry["source_offset"] is None:
        return str(entry["source_topic"])
    return f"{entry['source_topic']}, partition {entry['source_partition']}, offset {entry['source_offset']}"


def _body(body: bytes | None) -> dict[str, Any]:
    try:
        return {"body": None if body is None else body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body or b"").decode()}


def _text(value: bytes | None) -> str | None:
    return None if value is None else plain(value.decode("utf-8", "replace"))
