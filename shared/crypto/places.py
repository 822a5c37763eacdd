"""Where sealed texts are at rest: the service that owns a table declares the columns of it that hold one.

What is not declared is not resealed when keys are changed, and is lost with the old key.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SealedPlace:
    """One column that holds sealed texts; the table has a column tenant_id, the tenant of the context.

    table: with its schema. key: the primary key, each column with its SQL type; the last one is the context's id.
    kind: of the context; may name columns of the key, as in "chat/{session_id}".
    field: None when the column (text) is the sealed text; else the column (bytea) is an event's JSON and this field of
    it is the sealed text, or null. ce_type: only rows with this value in their column ce_type hold something sealed.
    in_registry: routers and gateways keep in memory what they have read of it, and are to be told of changes.
    """

    table: str
    column: str
    key: tuple[tuple[str, str], ...]
    kind: str
    field: str | None = None
    ce_type: str | None = None
    in_registry: bool = False

    @property
    def name(self) -> str:
        """The name that operators see: without the schema when it is the gateway's."""
        return f"{self.table.removeprefix('gateway.')}.{self.column}"

    @property
    def value_type(self) -> str:
        """The column's SQL type."""
        return "text" if self.field is None else "bytea"
