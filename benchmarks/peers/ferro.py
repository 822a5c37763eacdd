"""Ferro: Go, with its request log in SQLite."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from benchmarks.children import running
from benchmarks.peers.peer import KEY, START_S, Peer, Place, answers
from benchmarks.plan import MODELS
from benchmarks.target import Target
from deploy.local.ports import free_port

_CONFIGURATION = """\
apiVersion: v1
strategy:
  mode: single
targets:
  - virtual_key: openai
    models: [{models}]
plugins:
"""
_LOGGED = """\
  - name: request-logger
    type: logging
    stage: {stage}
    enabled: true
    config:
      level: info
      persist: true
"""


@contextmanager
def _started(place: Place) -> Iterator[Target]:
    port = free_port()
    logged = "".join(_LOGGED.format(stage=stage) for stage in ("before_request", "after_request", "on_error"))
    environment = {
        "GATEWAY_CONFIG": place.write("ferro.yaml", _CONFIGURATION.format(models=", ".join(MODELS.values())) + logged),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": f"{place.endpoint}/v1",
        "MASTER_KEY": KEY,
        "ALLOW_UNAUTHENTICATED_PROXY": "true",
        "RATE_LIMIT_RPS": "0",
        "LOG_LEVEL": "error",
        "REQUEST_LOG_STORE_BACKEND": "sqlite",
        "REQUEST_LOG_STORE_DSN": str(place.folder / "requests.db"),
    }
    target = Target(FERRO.name, f"http://127.0.0.1:{port}", key=KEY)
    command = [place.program("ferrogw"), "serve"]
    with running("ferro", command, place.folder, answers(target), environment=environment, timeout_s=START_S) as pid:
        yield replace(target, pids={"ferro": pid})


FERRO = Peer("ferro, SQLite", "ferro", _started)
