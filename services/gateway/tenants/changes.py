"""Who changed what, and when: what is put on record of it. Never a secret."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.access import Caller


class Change(NamedTuple):
    """tenant_id: whose things were changed; key_id: with which key. action: as in "model.changed".

    subject: what was changed, for example "custom:my-model". details: names of fields, and values that are no secrets.
    """

    tenant_id: str
    key_id: str
    action: str
    subject: str
    details: Mapping[str, Any]


def changed_by(caller: Caller, action: str, subject: str, tenant_id: str | None = None, **details: Any) -> Change:
    return Change(tenant_id or caller.tenant_id, caller.key_id, action, subject, details)
