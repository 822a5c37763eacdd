"""What a page is given, and what it gives back."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from services.console.gateway_api import GatewayApi
from services.console.session import Session

Scope = Literal["inference", "models", "monitor", "webhooks", "files", "admin"]


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who is signed in."""

    request: Request
    session: Session
    gateway: GatewayApi

    @property
    def query(self) -> dict[str, str]:
        """What stands in the address, without what is empty, as a form leaves it behind."""
        return {name: value for name, value in self.request.query_params.items() if value.strip()}


@dataclass(frozen=True, slots=True)
class View:
    """A template of templates/ and what it shows. title: the heading of the page, and of the window.

    refresh_s: so often the page asks for itself again while somebody looks at it. It can be left out.
    """

    template: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    refresh_s: int | None = None


Handler = Callable[[Visit], Awaitable[View | Response]]


@dataclass(frozen=True, slots=True)
class PageRoute:
    method: Literal["GET", "POST"]
    path: str
    handler: Handler


def get(path: str, handler: Handler) -> PageRoute:
    """Shows. It must change nothing."""
    return PageRoute("GET", path, handler)


def post(path: str, handler: Handler) -> PageRoute:
    """Changes something, and then mostly sends the browser to a page. Its origin was checked."""
    return PageRoute("POST", path, handler)


@dataclass(frozen=True, slots=True)
class Page:
    """A row of the navigation, and what belongs to it. The first route is the page itself.

    icon: of templates/icons.html. scope: of the keys for which it is shown. ranged: it reads `window`, `from` and `to`,
    which the navigation then keeps.
    """

    title: str
    icon: str
    routes: tuple[PageRoute, ...]
    scope: Scope = "monitor"
    ranged: bool = False

    @property
    def path(self) -> str:
        return self.routes[0].path
