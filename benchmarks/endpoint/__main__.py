"""`python -m benchmarks.endpoint --port N`: serves until it is ended."""

import argparse
import asyncio

import uvloop

from benchmarks.endpoint.connection import Connection, Ledger

_BACKLOG = 4096  # thousands of callers connect in the same moment


async def serve(port: int) -> None:
    ledger = Ledger()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(ledger), "127.0.0.1", port, backlog=_BACKLOG
    )
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
