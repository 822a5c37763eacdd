"""Feature jobs: code that is generated for a repository, how far it is, and what it made."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console.views.diffs import lines_of
from services.console.visit import View, Visit
from shared.client import in_path

_SHOWN = "100"
_ENDED = ("completed", "failed", "cancelled")


async def show(visit: Visit) -> View:
    body = await visit.gateway.get("/api/features", {"limit": _SHOWN})
    return View("features.html", "Feature jobs", {"jobs": body["features"]}, refresh_s=10)


async def show_one(visit: Visit) -> View:
    job = await visit.gateway.get(_path(visit.request))
    result = job["result"] or {}
    files = [file | {"lines": lines_of(file.get("diff") or "")} for file in result.get("files", ())]
    ended = job["state"] in _ENDED
    values = {"job": job, "result": result, "files": files, "ended": ended}
    return View("feature.html", "Feature job", values, refresh_s=None if ended else 2)


async def cancel(visit: Visit) -> Response:
    path = _path(visit.request)
    await visit.gateway.ask("DELETE", path)
    return RedirectResponse(path.removeprefix("/api"), 303)


def _path(request: Request) -> str:
    return f"/api/features/{in_path(request.path_params['feature_id'])}"
