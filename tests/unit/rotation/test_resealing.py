import re
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

import services
from services.__main__ import SEALED_PLACES
from services.features import sealed_places as features_places
from services.gateway import sealed_places as gateway_places
from services.gateway.bodies import validated
from services.gateway.models.custom_models import stored_model
from services.gateway.models.schemas import CustomModelCreate
from services.rotation.resealing import (
    Opened,
    SealedRow,
    Unreadable,
    context_of,
    holds_secret,
    key_id_of,
    look,
    removable_keys,
    resealed,
    travelling_s,
)
from services.router.callers import Reply
from services.router.reports import reply_completed
from shared.crypto import KeyRing, SealedContext
from shared.crypto.keys import new_key
from shared.crypto.places import SealedPlace
from shared.events import InferenceSettled, ReplyCompleted, new_id
from tests.unit.rotation.sealed_values import NEW, NEW_KEY, NEW_ONLY, OLD, OLD_KEY, SECRET, as_value, place, row

SERVICES = Path(services.__file__).parent
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EACH_PLACE = pytest.mark.parametrize("of", SEALED_PLACES, ids=lambda of: of.name)


def test_every_column_of_the_schema_that_may_hold_something_sealed_is_declared() -> None:
    """A sealed text, or the body of an event."""
    schema = "\n".join(path.read_text() for path in sorted(SERVICES.glob("*/migrations/*.sql")))
    tables = re.split(r"(?:CREATE|ALTER) TABLE ", schema)[1:]
    columns = r"\b(sealed_\w+\s+text|\w*event\s+bytea)\b"
    found = {(table.split()[0], *column.split()) for table in tables for column in re.findall(columns, table)}
    assert found == {(of.table, of.column, of.value_type) for of in SEALED_PLACES}


def test_each_owner_declares_its_own_tables() -> None:
    for owner in (gateway_places, features_places):
        schema = owner.__name__.split(".")[1]
        assert {of.table.split(".")[0] for of in owner.SEALED_PLACES} == {schema}


@EACH_PLACE
def test_what_is_sealed_anew_is_the_same_secret_under_the_first_key(of: SealedPlace) -> None:
    old = row(of)
    opened = look(NEW, of, old)
    assert isinstance(opened, Opened)
    assert (opened.kid, opened.secret) == ("k1", SECRET)

    new = resealed(NEW, of, opened)

    assert (new.key, new.old) == (old.key, old.value)
    again = look(NEW_ONLY, of, replace(old, value=new.new))
    assert isinstance(again, Opened)
    assert (again.kid, again.secret) == ("k2", SECRET)


@EACH_PLACE
def test_what_was_altered_moved_or_is_no_secret_is_unreadable(of: SealedPlace) -> None:
    own, other = row(of, 1), row(of, 2)
    for value in (other.value, as_value(of, "no secret"), as_value(of, ""), b"[1]" if of.field else "é"):
        found = look(NEW, of, replace(own, value=value))
        assert isinstance(found, Unreadable)
        assert (found.place, found.tenant) == (of.name, "acme")
        assert str(own.key[-1]) in found.id


@EACH_PLACE
def test_a_key_that_is_missing_is_named(of: SealedPlace) -> None:
    found = look(NEW_ONLY, of, row(of))
    assert isinstance(found, Unreadable)
    assert found.kid == "k1"
    assert "'k1', which is not in TALLYGATE_KEYS" in found.reason


@EACH_PLACE
def test_neither_a_row_nor_what_was_opened_shows_its_value(of: SealedPlace) -> None:
    opened = look(OLD, of, row(of))
    assert "opensesame" not in repr(opened)
    assert str(row(of).value) not in repr(row(of))


def test_of_an_event_only_the_sealed_field_changes() -> None:
    of = place("results.event")
    opened = look(NEW, of, row(of))
    assert isinstance(opened, Opened)
    changed = resealed(NEW, of, opened)
    before, after = orjson.loads(changed.old), orjson.loads(changed.new)
    assert after.pop("sealed_body") != before.pop("sealed_body")
    assert after == before == {"attempts": 1, "of a newer version": "kept"}


@pytest.mark.parametrize("event", [b"", b"{", b"[]", b"{}", b'{"sealed_body": 1}'])
def test_an_event_that_is_none_is_unreadable(event: bytes) -> None:
    found = look(NEW, place("results.event"), SealedRow("acme", (uuid.UUID(int=1),), event))
    assert isinstance(found, Unreadable)
    assert found.kid is None


def test_an_event_may_hold_nothing_sealed() -> None:
    """A job that failed has no result."""
    settled = replace(row(place("features.jobs.settled_event")), value=b'{"sealed_result": null}')
    assert not holds_secret(place("features.jobs.settled_event"), settled)


@EACH_PLACE
def test_what_cannot_be_read_is_looked_at(of: SealedPlace) -> None:
    for value in (row(of).value, b"{" if of.field else "no secret"):
        assert holds_secret(of, replace(row(of), value=value))


def test_it_opens_what_the_gateway_seals_of_a_model() -> None:
    body = {
        "model_id": "m", "endpoint_url": "http://host/v1", "provider": "openai-compatible",
        "api_key": "opensesame", "headers": {"x-team": "blue"},
    }  # fmt: skip
    model = stored_model(OLD, "acme", validated(CustomModelCreate, body))
    for name, value, secret in (
        ("custom_models.sealed_api_key", model.sealed_api_key, SECRET),
        ("custom_models.sealed_headers", model.sealed_headers, b'{"x-team":"blue"}'),
    ):
        assert value is not None
        found = look(NEW, place(name), SealedRow("acme", ("acme", "m"), value))
        assert isinstance(found, Opened)
        assert found.secret == secret


def test_it_opens_what_the_router_seals_of_a_reply() -> None:
    settled = InferenceSettled(
        inference_id=new_id(), tenant_id="acme", settlement="completed", delivery=1, accepted_at=NOW, settled_at=NOW,
        duration_s=1.0, reported_by="router-0",
    )  # fmt: skip
    of, reply = place("results.event"), Reply(OLD, reply_completed(settled), SECRET).event
    assert isinstance(reply, ReplyCompleted)
    opened = look(NEW, of, SealedRow("acme", (settled.inference_id,), reply.encoded()))
    assert isinstance(opened, Opened)
    assert opened.secret == SECRET

    new = ReplyCompleted.decoded(bytes(resealed(NEW, of, opened).new))  # type: ignore[arg-type]

    assert new.model_copy(update={"sealed_body": reply.sealed_body}) == reply


def test_contexts_are_those_of_the_sealers() -> None:
    message = uuid.UUID(int=7)
    contexts = [
        context_of(place(name), SealedRow("acme", key, ""))
        for name, key in (
            ("provider_keys.sealed_api_key", ("acme", "openai")),
            ("chat_messages.sealed_content", ("acme", "a {brace}", message)),
        )
    ]
    assert contexts == [
        SealedContext("acme", "provider_api_key", "openai"),
        SealedContext("acme", "chat/a {brace}", str(message)),
    ]


def test_the_key_id_is_read_without_opening() -> None:
    of = place("chat_messages.sealed_content")
    stranger = KeyRing.parse(new_key("k9"))
    assert key_id_of(of, row(of, ring=stranger)) == "k9"
    assert key_id_of(of, SealedRow("acme", ("acme", "s", uuid.UUID(int=1)), "none")) is None


def test_a_key_may_be_removed_when_it_seals_nothing_and_is_not_the_first() -> None:
    ring = KeyRing.parse(f"{NEW_KEY},{OLD_KEY},{new_key('k3')}")
    assert removable_keys(ring, ["k2"]) == ["k1", "k3"]
    assert removable_keys(ring, ["k2", "k1"]) == ["k3"]
    assert removable_keys(ring, []) == ["k1", "k3"]
    assert removable_keys(ring, ["k1", "k3", None]) == []


def test_how_long_sealed_content_travels_is_taken_from_the_topics() -> None:
    day = 86_400
    assert travelling_s() == {
        "inference.requests.v1": day,
        "inference.bulk.v1": day,
        "inference.requests.v1.dlq": 14 * day,
        "inference.bulk.v1.dlq": 14 * day,
        "inference.replies.v1": 600,
        "inference.results.v1": day,
        "inference.results.v1.dlq": 14 * day,
        "feature.requests.v1": 30 * day,
        "feature.requests.v1.dlq": 14 * day,
        "feature.outcomes.v1": 30 * day,
        "feature.outcomes.v1.dlq": 14 * day,
    }
