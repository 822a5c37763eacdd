"""Who changed what, and when: one row with each change, in its transaction. Never a secret."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.access import Caller
from shared.db.pool import Connection
from shared.events import new_id, utc_now

_NEW_CHANGE = """
INSERT INTO gateway.changes (change_id, tenant_id, key_id, action, subject, details, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


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


async def record(connection: Connection, change: Change) -> None:
    await connection.execute(_NEW_CHANGE, new_id(), *change, utc_now())
