"""What the OpenAPI document says of a route, beside its path and its docstring: one line below the router's.

    @router.post("/v1/embeddings")
    @documented(infers="asked", takes=EmbeddingsBody, gives=Embeddings)
    async def embeddings(request: Request) -> Response: ...

Which errors it may give follows from what it does: what reads a body may find it too large, what infers may fail as
models do. `fails` names only what is its own, such as a 404 for an id. `openapi.py` makes the document.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from shared.errors import CATALOGUE

Route = TypeVar("Route", bound=Callable[..., Any])
Media = Literal[
    "application/json", "text/plain", "text/event-stream", "application/x-ndjson", "text/csv",
    "application/vnd.apache.parquet", "application/octet-stream",
]  # fmt: skip

EVENTS: Media = "text/event-stream"
CSV: Media = "text/csv"
PARQUET: Media = "application/vnd.apache.parquet"
BYTES: Media = "application/octet-stream"
LINES: Media = "application/x-ndjson"

# asked: the caller's body is the inference. made: the gateway makes one of it.
Infers = Literal["asked", "made"]

_ALWAYS = {500, 503}  # what nobody foresaw; a database that is away, or a gateway that stops
_KEYED = {401, 403}
_READS_BODY = {400, 408, 413, 415, 429}
_INFERS = {kind.http_status for kind in CATALOGUE.values()} | {402, 422, 429}


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """gives: what is answered, by status; None for no body. streams: in which other forms a 200 may come.

    fails_as: a form in which an error may come as well.
    """

    gives: Mapping[int, Any]
    takes: type[BaseModel] | None = None
    takes_form: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    infers: Infers | None = None
    limited: bool = False
    keyed: bool = True
    streams: tuple[Media, ...] = ()
    fails: frozenset[int] = field(default_factory=frozenset)
    fails_as: Any = None

    def failing(self, path: str) -> list[int]:
        """The statuses of all errors that the route may give at that path."""
        found = _ALWAYS | self.fails
        found |= _KEYED if self.keyed else set()
        found |= _READS_BODY if self.takes or self.takes_form else set()
        found |= {429} if self.limited else set()
        found |= {400} if self.query or "{" in path else set()
        found |= _INFERS if self.infers else set()
        return sorted(found - self.gives.keys())


_DOCUMENTED: dict[Callable[..., Any], Documented] = {}


def documented(
    *,
    gives: Any = None,
    takes: type[BaseModel] | None = None,
    takes_form: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    infers: Infers | None = None,
    limited: bool = False,
    keyed: bool = True,
    streams: tuple[Media, ...] = (),
    status: int | None = None,
    fails: tuple[int, ...] = (),
    fails_as: Any = None,
) -> Callable[[Route], Route]:
    """gives: a type, or types by status; nothing is a 204. infers: it asks a model, with the headers of that.

    takes_form: a body that is a multipart form. limited: the tenant's rate applies although it reads no body. keyed:
    it asks for an API key.
    """
    answers = gives if isinstance(gives, Mapping) else {status or (200 if gives else 204): gives}
    of_route = Documented(
        gives=answers, takes=takes, takes_form=takes_form, query=query, infers=infers,
        limited=limited, keyed=keyed, streams=streams, fails=frozenset(fails), fails_as=fails_as,
    )  # fmt: skip

    def keep(route: Route) -> Route:
        _DOCUMENTED[route] = of_route
        return route

    return keep


def documented_of(route: Callable[..., Any]) -> Documented:
    """Raises KeyError for a route without it."""
    return _DOCUMENTED[route]
