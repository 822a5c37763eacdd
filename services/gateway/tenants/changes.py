"""What is recorded of a change: who, what and when. Never a secret."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.access import Caller


class Change(NamedTuple):
    """tenant_id: the tenant that was changed; key_id: of the caller. action: for example "model.changed".

    subject: what was changed, for example "custom:my-model". details: names of fields, and values that are no secrets.
    """

    tenant_id: str
    key_id: str
    action: str
    subject: str
    details: Mapping[str, Any]


def changed_by(caller: Caller, action: str, subject: str, tenant_id: str | None = None, **details: Any) -> Change:
    return Change(tenant_id or caller.tenant_id, caller.key_id, action, subject, details)
