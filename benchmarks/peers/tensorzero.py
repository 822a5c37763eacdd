"""TensorZero: Rust, every inference in PostgreSQL before it is answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.children import running
from benchmarks.peers import tensorzero_gateway
from benchmarks.peers.peer import START_S, Peer, Place, answers
from benchmarks.peers.tensorzero_schema import make_tables, source_package
from benchmarks.plan import MODELS
from benchmarks.target import Target
from deploy.local.lone_postgres import running_server
from deploy.local.readiness import create_database, run_apart
from deploy.local.waiting import Check

_DATABASE = "tensorzero"
_SETTINGS = """\
[gateway]
observability.enabled = true
observability.async_writes = false
"""
_MODEL = """\
[models."{model}"]
routing = ["endpoint"]
[models."{model}".providers.endpoint]
type = "openai"
model_name = "{model}"
api_base = "{endpoint}/v1"
api_key_location = "none"
"""


@contextmanager
def _started(place: Place) -> Iterator[Target]:
    sources = source_package()
    with running_server(place.folder, "TALLYGATE_BENCH=1") as postgres:
        create_database(postgres.server_url, _DATABASE)
        url = postgres.database_url(_DATABASE)
        run_apart(lambda: make_tables(url, sources))
        models = "".join(_MODEL.format(model=model, endpoint=place.endpoint) for model in MODELS.values())
        configuration = place.write("tensorzero.toml", _SETTINGS + models)
        told = place.folder / "origin"
        command = [place.program("python"), "-I", tensorzero_gateway.__file__, configuration, url, str(told)]
        environment = {"TENSORZERO_DISABLE_PSEUDONYMOUS_USAGE_ANALYTICS": "1"}
        with running(
            "tensorzero", command, place.folder, _ready(told), environment=environment, timeout_s=START_S
        ) as pid:
            yield _target(told.read_text(), {"tensorzero": pid, "postgres of tensorzero": postgres.pid})


def _target(origin: str, pids: dict[str, int]) -> Target:
    """origin: as it has told, for it chooses its port itself."""
    origin = f"http://{urlsplit(origin).netloc}"
    return Target(TENSORZERO.name, origin, pids, "tensorzero::model_name::{}", "/openai/v1/chat/completions")


def _ready(told: Path) -> Check:
    return lambda: answers(_target(told.read_text(), {}))() if told.exists() else "not listening"


TENSORZERO = Peer("tensorzero, PostgreSQL", "tensorzero", _started)
