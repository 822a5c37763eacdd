"""`python -m benchmarks.hostile.endpoint --port N`: the model endpoints of both tenants."""

import asyncio
import sys

from aiohttp import web

from benchmarks.hostile.scenarios import HONEST_ANSWER_S, HONEST_MODEL, LARGE, TOKEN_LIKE, completion

_HANGS_S = 3600.0
_LARGE = completion("x" * LARGE)


async def complete(request: web.Request) -> web.Response:
    model = (await request.json())["model"]
    match model:
        case "hang":
            await asyncio.sleep(_HANGS_S)
        case "large":
            return web.json_response(_LARGE)
        case "tokens":
            return web.json_response({"error": {"message": TOKEN_LIKE}}, status=500)
        case _ if model == HONEST_MODEL:
            await asyncio.sleep(HONEST_ANSWER_S)
        case _:
            pass
    return web.json_response(completion("ready"))


async def healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok")


def main() -> None:
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/chat/completions", complete)
    app.router.add_get("/healthz", healthy)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[sys.argv.index("--port") + 1]), print=None)


if __name__ == "__main__":
    main()
