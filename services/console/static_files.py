"""Scripts, styles and pictures, read once at start. Their addresses change with them, so browsers keep them."""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_FOLDER = Path(__file__).parent / "static"
_KEPT = "public, max-age=31536000, immutable"


class StaticFile(NamedTuple):
    body: bytes
    zipped: bytes
    media_type: str
    version: str


class StaticFiles:
    def __init__(self, files: Mapping[str, StaticFile]) -> None:
        self._files = files

    @classmethod
    def of_the_package(cls) -> "StaticFiles":
        paths = (path for path in _FOLDER.rglob("*") if path.is_file())
        return cls({path.relative_to(_FOLDER).as_posix(): _read(path) for path in paths})

    def url(self, name: str) -> str:
        """Raises KeyError when there is no such file."""
        return f"/static/{name}?v={self._files[name].version}"

    def route(self) -> Route:
        return Route("/static/{name:path}", self._answer)

    async def _answer(self, request: Request) -> Response:
        found = self._files.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        headers = {"cache-control": _KEPT, "vary": "accept-encoding"}
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(found.body, headers=headers, media_type=found.media_type)
        return Response(found.zipped, headers=headers | {"content-encoding": "gzip"}, media_type=found.media_type)


def _read(path: Path) -> StaticFile:
    body = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "text/plain"
    return StaticFile(body, gzip.compress(body, mtime=0), media_type, hashlib.sha256(body).hexdigest()[:12])
