"""What stands beside `/api/things/{id}` under a name of its own, such as `/api/things/all`, is no id."""

from collections.abc import Iterator, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def refusals(routes: Sequence[Route]) -> Iterator[Route]:
    """For each fixed path, of the methods that would otherwise be read as those of a path with an id: a 405."""
    fixed = {route.path for route in routes if "{" not in route.path}
    for path in sorted(fixed):
        own = {method for route in routes if route.path == path for method in route.methods or ()}
        others = {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}
        if others - own:
            yield Route(path, _refused, methods=sorted(others - own), include_in_schema=False)


async def _refused(_: Request) -> Response:
    raise HTTPException(405)
