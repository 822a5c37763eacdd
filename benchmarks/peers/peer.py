"""What a peer is, and how it is started."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.install import installed
from benchmarks.plan import AT_ONCE_MS, MODELS
from benchmarks.stage import Stage
from benchmarks.target import Target
from deploy.local.progress import step
from deploy.local.waiting import Check
from shared.client import Client, ProblemError
from shared.client.requests import chat_body

KEY = "sk-benchmark-of-gateways-0001"
START_S = 120.0


@dataclass(frozen=True)
class Place:
    """bin: of its environment. folder: for its configuration, data and log. endpoint: where the models are."""

    bin: Path
    folder: Path
    endpoint: str

    def program(self, name: str) -> str:
        return str(self.bin / name)

    def write(self, name: str, text: str) -> str:
        """The path of the new file."""
        path = self.folder / name
        path.write_text(text)
        return str(path)


@dataclass(frozen=True)
class Peer:
    """requirements: its file in `requirements/`. start: until the peer serves; the target's pids are what it costs."""

    name: str
    requirements: str
    start: Callable[[Place], AbstractContextManager[Target]]


@contextmanager
def running_peer(peer: Peer, stage: Stage) -> Iterator[Target]:
    """Raises LocalRunError when it cannot be installed or started."""
    environment = installed(peer.requirements)
    folder = stage.folder / peer.requirements
    folder.mkdir()
    with ExitStack() as stack:
        with step(f"start {peer.name}"):
            target = stack.enter_context(peer.start(Place(environment / "bin", folder, stage.direct.origin)))
        yield target


def answers(target: Target) -> Check:
    """Ready when a chat completion is answered with 200."""

    def check() -> str | None:
        try:
            client = Client(target.origin, target.key or None)
            client.post(target.path, chat_body(target.model.format(MODELS[AT_ONCE_MS]), "ready?"))
        except (OSError, ProblemError, ValueError) as error:
            return f"{target.origin}: {error}"
        return None

    return check
