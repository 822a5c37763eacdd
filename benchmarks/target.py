"""What is called: the endpoint itself, the proxy, Tallygate, a peer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.load.messages import CHAT_PATH, LoadOrder, chat_request


@dataclass(frozen=True)
class Target:
    """origin: of its HTTP. model: how it names a model of the endpoint. pids: of its processes, by their names."""

    name: str
    origin: str
    pids: Mapping[str, int] = field(default_factory=dict)
    model: str = "{}"
    path: str = CHAT_PATH
    key: str = ""

    def order(self, model: str, *, callers: int, chunks: int = 0, **timing: float) -> LoadOrder:
        """chunks: of each stream; 0 asks for plain answers. timing: what else a LoadOrder takes."""
        host, _, port = self.origin.removeprefix("http://").rpartition(":")
        headers = {"authorization": f"Bearer {self.key}"} if self.key else {}
        request = chat_request(self.origin, self.model.format(model), headers, path=self.path, stream=chunks > 0)
        return LoadOrder(host=host, port=int(port), request=request, callers=callers, chunks=chunks, **timing)
