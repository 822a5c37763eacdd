"""What is recorded of a change: who, what and when. Never a secret."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from services.gateway.bodies import InvalidBodyError
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
    """Who acts with the key, as its holder says. Raises InvalidBodyError, which names the header."""
    sent = headers.get(PERSON_HEADER)
    if not sent:
        return None
    person = unquote(sent)
    if not person.isprintable() or len(person) > MAX_PERSON_CHARS:
        raise InvalidBodyError(
            f"header {PERSON_HEADER} must be at most {MAX_PERSON_CHARS} printable characters, percent-encoded where "
            f"they are not ASCII, as {PERSON_HEADER}: Ana%20Mu%C3%B1oz", PERSON_HEADER,
        )  # fmt: skip
    return person
