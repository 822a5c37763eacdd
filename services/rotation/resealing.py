"""Pure: how what is sealed in one row of a place is opened and sealed anew, and when a key is of no use any more."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_sealed, seal
from shared.crypto.places import SealedPlace
from shared.crypto.sealed import sealing_key_id
from shared.events.topics import TOPICS, Topic, wanted_topics

Key = tuple[str | UUID, ...]
Value = str | bytes


@dataclass(frozen=True, slots=True)
class SealedRow:
    """The column of a place in one row; `value` is the whole column."""

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


def holds_secret(place: SealedPlace, row: SealedRow) -> bool:
    """False for an event that says itself that it holds nothing sealed: the field is null."""
    try:
        return place.field is None or _fields_of(row.value).get(place.field, ...) is not None
    except UnreadableSecretError:
        return True


def look(ring: KeyRing, place: SealedPlace, row: SealedRow) -> Opened | Unreadable:
    """Opens the secret: that its key is in the ring does not prove that it can be read."""
    try:
        sealed = _sealed_in(place, row.value)
        return Opened(row, sealing_key_id(sealed), open_sealed(ring, context_of(place, row), sealed))
    except UnreadableSecretError as error:
        return Unreadable(place.name, row.tenant_id, _id_of(place, row), key_id_of(place, row), str(error))


def resealed(ring: KeyRing, place: SealedPlace, opened: Opened) -> Resealed:
    row = opened.row
    sealed = seal(ring, context_of(place, row), opened.secret)
    return Resealed(row.tenant_id, row.key, row.value, _with_sealed(place, row.value, sealed))


def key_id_of(place: SealedPlace, row: SealedRow) -> str | None:
    """The key under which it says to be sealed, without opening it."""
    try:
        return sealing_key_id(_sealed_in(place, row.value))
    except UnreadableSecretError:
        return None


def context_of(place: SealedPlace, row: SealedRow) -> SealedContext:
    """The context under which the owner of the place has sealed it."""
    columns = {name: str(value) for (name, _), value in zip(place.key, row.key, strict=True)}
    return SealedContext(row.tenant_id, place.kind.format_map(columns), str(row.key[-1]))


def removable_keys(ring: KeyRing, used: Sequence[str | None]) -> list[str]:
    """Keys of the ring under which nothing is sealed at rest; never the first one, which seals new secrets."""
    return [kid for kid in ring.ciphers if kid != ring.sealing_kid and kid not in used]


def travelling_s() -> dict[str, int]:
    """By topic that carries sealed content, and its dead letters: for how long messages lie there."""
    sealed = {name for topic in TOPICS if _carries_sealed(topic) for name in (topic.name, topic.dlq)}
    wanted = {topic.name: int(dict(topic.config)["retention.ms"]) // 1000 for topic in wanted_topics()}
    return {name: retention_s for name, retention_s in wanted.items() if name in sealed}


def _carries_sealed(topic: Topic) -> bool:
    return any(name.startswith("sealed_") for event in topic.events for name in event.model_fields)


def _id_of(place: SealedPlace, row: SealedRow) -> str:
    """The key, without the tenant."""
    values = zip(place.key, row.key, strict=True)
    return "/".join(str(value) for (name, _), value in values if name != "tenant_id")


def _sealed_in(place: SealedPlace, value: Value) -> str:
    if place.field is None:
        return str(value)
    sealed = _fields_of(value).get(place.field)
    if not isinstance(sealed, str):
        raise UnreadableSecretError(f"the event has no {place.field}")
    return sealed


def _with_sealed(place: SealedPlace, value: Value, sealed: str) -> Value:
    return sealed if place.field is None else orjson.dumps(_fields_of(value) | {place.field: sealed})


def _fields_of(value: Value) -> dict[str, Any]:
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        raise UnreadableSecretError("the event is not a JSON object")
    return fields
