"""Templates, and what all of them may use."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.console.session import Session
from services.console.static_files import StaticFiles
from services.console.views import format as shown
from services.console.views.charts import MOST_ROWS
from services.console.views.ranges import kept_range
from services.console.visit import Page, View

_ZIP_LEVEL = 4  # a tenth of the size for a few milliseconds
THEME_COOKIE = "tallygate_theme"
THEMES = ("auto", "light", "dark")
_PARTS = ("count", "short", "seconds", "usd", "percent", "instant")


class NavigationItem(NamedTuple):
    title: str
    icon: str
    url: str
    current: bool


def environment(files: StaticFiles) -> Environment:
    """Whatever is not markup of ours is escaped, and a name that a template misspells is an error."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True, undefined=StrictUndefined, finalize=shown.visible, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {name: getattr(shown, name) for name in _PARTS}
    made.globals |= {"static": files.url, "nothing": shown.NOTHING, "most_rows": MOST_ROWS}
    return made


class Renderer:
    """pages: in the order of the navigation. What a key may not see is not shown to it."""

    def __init__(self, templates: Environment, pages: Sequence[Page]) -> None:
        self._templates = templates
        self._pages = pages

    def response(self, request: Request, view: View, session: Session | None) -> Response:
        theme = request.cookies.get(THEME_COOKIE, "auto")
        frame: dict[str, Any] = {
            "title": view.title,
            "refresh_s": view.refresh_s,
            "session": session,
            "navigation": self._navigation(request, session) if session else (),
            "theme": theme if theme in THEMES else "auto",
            "themes": THEMES,
            "here": here(request),
        }
        text = self._templates.get_template(view.template).render(frame | dict(view.values))
        return _page(request, text, view.status)

    def _navigation(self, request: Request, session: Session) -> list[NavigationItem]:
        """The current page is the one with the longest path that this one begins with."""
        path = request.url.path
        shown_pages = [page for page in self._pages if session.may(page.scope)]
        above = [page.path for page in shown_pages if path == page.path or path.startswith(page.path.rstrip("/") + "/")]
        current = max(above, key=len, default=None)
        kept = kept_range(request.query_params)
        return [
            NavigationItem(page.title, page.icon, page.path + (kept if page.ranged else ""), page.path == current)
            for page in shown_pages
        ]


def _page(request: Request, text: str, status: int) -> Response:
    """Compressed where the browser takes it. A page holds no secret that its length could tell: the key is in the
    cookie only, and there are no tokens against forged requests."""
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return HTMLResponse(text, status, {"vary": "accept-encoding"})
    headers = {"vary": "accept-encoding", "content-encoding": "gzip"}
    return HTMLResponse(gzip.compress(text.encode(), _ZIP_LEVEL), status, headers)


def here(request: Request) -> str:
    """Path and query of this page, for what leads back to it, and never to another host: that of `//host/` is not.
    What came of a form has no address; the first page is where it leads to."""
    if request.method == "POST":
        return "/"
    path = "/" + quote(request.url.path.lstrip("/"))
    return path + (f"?{request.url.query}" if request.url.query else "")
