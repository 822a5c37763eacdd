"""The caller of an API, once its key was checked."""

from dataclasses import dataclass
from typing import Literal, get_args

from shared.errors import TallygateError
from shared.priorities import Priority

Scope = Literal["inference", "models", "monitor", "webhooks", "files", "sessions", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class Caller:
    """A tenant's key. `admin` may do everything, for its own tenant and for keys and tenants.

    allowed_models: patterns of the model ids that it may use; None for all that its tenant may.
    max_priority: the most urgent one that its requests may have; None for any.
    person: who acts with the key, as its holder says; what they change is on record with it.
    """

    tenant_id: str
    key_id: str
    scopes: frozenset[str]
    allowed_models: tuple[str, ...] | None = None
    max_priority: Priority | None = None
    person: str | None = None

    @property
    def is_admin(self) -> bool:
        return "admin" in self.scopes

    def require(self, *scopes: Scope) -> None:
        """Raises TallygateError (403) unless the key has at least one of these scopes; `admin` implies all of them."""
        if not self.is_admin and self.scopes.isdisjoint(scopes):
            raise TallygateError(
                "permission_denied",
                f"key {self.key_id} has the scopes {', '.join(sorted(self.scopes))}; this needs {' or '.join(scopes)}",
                http_status=403,
                title="Your API key may not do this",
                tips=(f"Make a key that may: tallygate keys create --tenant {self.tenant_id} --scope {scopes[0]}",),
            )
