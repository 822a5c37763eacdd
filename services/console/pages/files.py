"""Files: what batches read and wrote, to be downloaded or deleted."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console.pages.passing import downloaded
from services.console.visit import View, Visit
from shared.client import in_path
from shared.client.requests import FILES

_PAGE = "/batches/files"
_SHOWN = "50"


async def show(visit: Visit) -> View:
    after = visit.query.get("after")
    listed = await visit.gateway.get(FILES, {"limit": _SHOWN, "after": after})
    files = [
        file | {name: datetime.fromtimestamp(file[name], UTC) for name in ("created_at", "expires_at")}
        for file in listed["data"]
    ]
    values = {"files": files, "older": listed["last_id"] if listed["has_more"] else None, "after": after}
    return View("files.html", "Files", values)


async def download(visit: Visit) -> Response:
    return await downloaded(visit, f"{_path(visit.request)}/content")


async def remove(visit: Visit) -> Response:
    await visit.gateway.ask("DELETE", _path(visit.request))
    return RedirectResponse(_PAGE, 303)


def _path(request: Request) -> str:
    return f"{FILES}/{in_path(request.path_params['file_id'])}"
