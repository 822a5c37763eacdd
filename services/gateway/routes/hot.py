"""Routes without FastAPI's layers, which only document them."""

from collections.abc import Iterator, Mapping

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send


def hot_routes(*routers: APIRouter) -> Mapping[str, ASGIApp]:
    """Every POST of theirs whose path has no parameters, by that path. Each takes the request alone."""
    return {route.path: _hot(route) for router in routers for route in _posts(router)}


def _posts(router: APIRouter) -> Iterator[APIRoute]:
    posts = (route for route in router.routes if isinstance(route, APIRoute) and route.methods == {"POST"})
    return (route for route in posts if "{" not in route.path)


def _hot(route: APIRoute) -> ASGIApp:
    async def hot(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = route
        response = await route.endpoint(Request(scope, receive))
        await response(scope, receive, send)

    return hot
