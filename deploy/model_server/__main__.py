"""`python -m deploy.model_server --port 9100`"""

import argparse

import uvloop

from deploy.model_server.running import serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="model_server", description="A model server with every fault on demand.")
    parser.add_argument("--port", type=int, default=9100, help="0 picks a free one")
    parser.add_argument("--host", default="127.0.0.1")
    arguments = parser.parse_args()
    uvloop.run(serve(arguments.port, arguments.host))


if __name__ == "__main__":
    main()
