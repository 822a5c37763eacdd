"""What is recorded of a change: who, what and when. Never a secret."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from services.gateway.headers import MAX_PERSON_CHARS, PERSON_HEADER
from shared.access import Caller


class Change(NamedTuple):
    """tenant_id: the tenant that was changed; key_id: of the caller. action: for example "model.changed".

    subject: what was changed, for example "custom:my-model". details: names of fields, and values that are no secrets.
    person: who acted with the key, as its holder said.
    """

    tenant_id: str
    key_id: str
    action: str
    subject: str
    details: Mapping[str, Any]
    person: str | None = None


def changed_by(caller: Caller, action: str, subject: str, tenant_id: str | None = None, **details: Any) -> Change:
    return Change(tenant_id or caller.tenant_id, caller.key_id, action, subject, details, caller.person)


def person_of(headers: Mapping[str, str]) -> str | None:
    """Who acts with the key, as its holder says. What cannot be shown of it is replaced, and what is too long is cut:
    it is a note, and no reason to refuse a change."""
    person = unquote(headers.get(PERSON_HEADER, ""))[:MAX_PERSON_CHARS]
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in person) or None
