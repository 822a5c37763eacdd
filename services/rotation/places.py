"""Pure: every place where something sealed is at rest, and how it is opened and sealed anew there.

A sealed column that is not in PLACES is not rotated, and lost with the old key: a test holds them against the schema.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_sealed, seal
from shared.crypto.sealed import sealing_key_id
from shared.events import ReplyCompleted
from shared.events.topics import FEATURE_OUTCOMES, FEATURE_REQUESTS, REPLIES, REQUESTS, RESULTS, wanted_topics

_CARRIERS = (REQUESTS, RESULTS, REPLIES, FEATURE_REQUESTS, FEATURE_OUTCOMES)

Key = tuple[str | UUID, ...]
Value = str | bytes


@dataclass(frozen=True, slots=True)
class Place:
    """One column that holds what is sealed.

    key: the table's primary key, each column with its type. kind: of the context, may name columns of the key; the
    last column of the key is the context's id. field: the value is JSON, and the sealed text is this field of it.
    only: the rows that hold something sealed. in_registry: routers and gateways keep what they read of it.
    """

    table: str
    column: str
    key: tuple[tuple[str, str], ...]
    kind: str
    field: str | None = None
    only: str = "TRUE"
    in_registry: bool = False

    @property
    def name(self) -> str:
        return f"{self.table.removeprefix('gateway.')}.{self.column}"

    @property
    def value_type(self) -> str:
        return "text" if self.field is None else "bytea"


_MODEL = (("tenant_id", "text"), ("model_id", "text"))

PLACES = (
    Place("gateway.custom_models", "sealed_api_key", _MODEL, "model_api_key", in_registry=True),
    Place("gateway.custom_models", "sealed_headers", _MODEL, "model_headers", in_registry=True),
    Place(
        "gateway.provider_keys", "sealed_api_key", (("tenant_id", "text"), ("provider", "text")),
        "provider_api_key", in_registry=True,
    ),
    Place(
        "gateway.chat_messages", "sealed_content",
        (("tenant_id", "text"), ("session_id", "text"), ("message_id", "uuid")), "chat/{session_id}",
    ),
    Place(
        "gateway.results", "event", (("inference_id", "uuid"),), "reply",
        field="sealed_body", only=f"ce_type = '{ReplyCompleted.ce_type}'",
    ),
    Place("gateway.features", "sealed_result", (("feature_id", "uuid"),), "feature_result"),
    Place("features.jobs", "event", (("feature_id", "uuid"),), "feature", field="sealed_input"),
    Place(
        "features.steps", "sealed_value", (("feature_id", "uuid"), ("step_key", "text")), "feature_step/{feature_id}"
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SealedRow:
    """What lies in one place of one row; `value` is the whole column."""

    tenant_id: str
    key: Key
    value: Value = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    row: SealedRow
    kid: str
    secret: bytes = field(repr=False)


class Unreadable(NamedTuple):
    """What cannot be opened, and why. kid: None when not even that can be read."""

    place: str
    tenant: str
    id: str
    kid: str | None
    reason: str


class Resealed(NamedTuple):
    """`new` may take the place of `old`, and of nothing else."""

    tenant_id: str
    key: Key
    old: Value
    new: Value


def look(ring: KeyRing, place: Place, row: SealedRow) -> Opened | Unreadable:
    """Opens it: that a key is in the ring does not say that the secret can be read."""
    try:
        sealed = _sealed_in(place, row.value)
        return Opened(row, sealing_key_id(sealed), open_sealed(ring, context_of(place, row), sealed))
    except UnreadableSecretError as error:
        return Unreadable(place.name, row.tenant_id, _id_of(place, row), key_id_of(place, row), str(error))


def resealed(ring: KeyRing, place: Place, opened: Opened) -> Resealed:
    row = opened.row
    sealed = seal(ring, context_of(place, row), opened.secret)
    return Resealed(row.tenant_id, row.key, row.value, _with_sealed(place, row.value, sealed))


def key_id_of(place: Place, row: SealedRow) -> str | None:
    """The key under which it says to be sealed, without opening it."""
    try:
        return sealing_key_id(_sealed_in(place, row.value))
    except UnreadableSecretError:
        return None


def context_of(place: Place, row: SealedRow) -> SealedContext:
    """As where it was sealed: custom_models.py, codebase_chat.py, features.py, the router's reports.py and the
    worker's steps.py."""
    columns = {name: str(value) for (name, _), value in zip(place.key, row.key, strict=True)}
    return SealedContext(row.tenant_id, place.kind.format_map(columns), str(row.key[-1]))


def removable_keys(ring: KeyRing, used: Sequence[str | None]) -> list[str]:
    """Keys of the ring that seal nothing at rest, and will not: the first one seals what comes."""
    return [kid for kid in ring.ciphers if kid != ring.sealing_kid and kid not in used]


def travelling_s() -> dict[str, int]:
    """By topic that carries sealed content, and its dead letters: for how long messages lie there."""
    sealed = {name for topic in _CARRIERS for name in (topic.name, topic.dlq)}
    wanted = {topic.name: int(dict(topic.config)["retention.ms"]) // 1000 for topic in wanted_topics()}
    return {name: retention_s for name, retention_s in wanted.items() if name in sealed}


def _id_of(place: Place, row: SealedRow) -> str:
    """The key, without the tenant."""
    values = zip(place.key, row.key, strict=True)
    return "/".join(str(value) for (name, _), value in values if name != "tenant_id")


def _sealed_in(place: Place, value: Value) -> str:
    if place.field is None:
        return str(value)
    sealed = _fields_of(value).get(place.field)
    if not isinstance(sealed, str):
        raise UnreadableSecretError(f"the event has no {place.field}")
    return sealed


def _with_sealed(place: Place, value: Value, sealed: str) -> Value:
    return sealed if place.field is None else orjson.dumps(_fields_of(value) | {place.field: sealed})


def _fields_of(value: Value) -> dict[str, Any]:
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        raise UnreadableSecretError("the event is not a JSON object")
    return fields
