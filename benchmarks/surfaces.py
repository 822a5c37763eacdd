"""`python -m benchmarks surfaces`: what each surface costs beside a chat. A further surface is a row of `SURFACES`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from benchmarks import usage
from benchmarks.endpoint.behaviour import AT_ONCE
from benchmarks.figures import percentile, ratio
from benchmarks.load.messages import LoadOrder, LoadResult, chat_body, post_request
from benchmarks.system import System, running_system
from benchmarks.target import Target
from deploy.local.progress import console, step

_WARM_S, _WARM_UP_S = 0.3, 2.0


@dataclass(frozen=True)
class Surface:
    """body: of a request, without its model. name: which of several requests of one path. beside: the chat whose answer
    is as long, for a chat itself None."""

    path: str
    body: Mapping[str, Any]
    name: str = ""
    beside: "Surface | None" = None

    @property
    def title(self) -> str:
        return f"{self.path} {self.name}".strip()


CHAT = Surface("/v1/chat/completions", chat_body())
LONG_CHAT = Surface("/v1/chat/completions", chat_body() | {"answer_bytes": 132_000}, "an answer of 132 KB")
SURFACES = (
    CHAT,
    Surface("/v1/messages", chat_body() | {"max_tokens": 100}, beside=CHAT),
    Surface("/v1/responses", {"input": "which?", "store": False}, beside=CHAT),
    Surface("/v1/completions", {"prompt": "which?"}, beside=CHAT),
    Surface("/v1/rerank", {"query": "which?", "documents": ["a document"] * 16}, "16 documents", beside=CHAT),
    Surface("/v1/embeddings", {"input": "one text", "encoding_format": "base64"}, "one text, 8 KB", beside=CHAT),
    LONG_CHAT,
    Surface(
        "/v1/embeddings",
        {"input": ["one text"] * 16, "encoding_format": "base64"},
        "16 texts, 132 KB",
        beside=LONG_CHAT,
    ),
)


@dataclass(frozen=True)
class Cost:
    """cpu_ms: of all of Tallygate's processes, for one request."""

    surface: Surface
    per_s: float
    p50_ms: float
    cpu_ms: float
    problems: int


def run(callers: int, seconds: float, rounds: int) -> bool:
    """False when an answer was missing. The surfaces take turns, so that drift of the machine hits all alike."""
    with running_system([AT_ONCE]) as system:
        runs = _Runs(system, callers)
        with step("warm up"):
            for surface in SURFACES:
                runs.measure(surface, _WARM_UP_S)
        measured = [runs.measure(surface, seconds) for _ in range(rounds) for surface in SURFACES]
    costs = [_together(surface, [cost for cost in measured if cost.surface is surface]) for surface in SURFACES]
    console.print(_table(costs, callers))
    return not any(cost.problems for cost in costs)


class _Runs:
    def __init__(self, system: System, callers: int) -> None:
        self._system = system
        self._callers = callers
        self._settled = 0

    def measure(self, surface: Surface, seconds: float) -> Cost:
        """Until the books are written."""
        pids = self._system.pids
        before = usage.cpu_by_process(pids)
        result = self._system.stage.load.run(_order(self._system.target, surface, self._callers, seconds))
        self._settled += result.succeeded
        self._system.api.wait_booked(self._settled)
        after = usage.cpu_by_process(pids)
        return _cost(surface, result, sum(after.values()) - sum(before.values()))


def _order(target: Target, surface: Surface, callers: int, seconds: float) -> LoadOrder:
    host, _, port = target.origin.removeprefix("http://").rpartition(":")
    body = {"model": target.model.format(AT_ONCE), **surface.body}
    request = post_request(target.origin, surface.path, {"authorization": f"Bearer {target.key}"}, body)
    return LoadOrder(host=host, port=int(port), request=request, callers=callers, warm_s=_WARM_S, seconds=seconds)


def _cost(surface: Surface, result: LoadResult, cpu_s: float) -> Cost:
    return Cost(
        surface,
        per_s=len(result.latencies_us) / result.seconds,
        p50_ms=percentile(result.latencies_us, 0.5) / 1000,
        cpu_ms=1000 * ratio(cpu_s, result.answered),
        problems=result.problems,
    )


def _together(surface: Surface, costs: list[Cost]) -> Cost:
    """The mean of the rounds."""
    count = len(costs)
    return Cost(
        surface,
        per_s=sum(cost.per_s for cost in costs) / count,
        p50_ms=sum(cost.p50_ms for cost in costs) / count,
        cpu_ms=sum(cost.cpu_ms for cost in costs) / count,
        problems=sum(cost.problems for cost in costs),
    )


def _table(costs: list[Cost], callers: int) -> Table:
    table = Table("surface", "requests/s", "p50 ms", "CPU ms", "of a chat's", title=f"{callers} callers")
    for row in _rows(costs):
        table.add_row(*row)
    return table


def _rows(costs: list[Cost]) -> Iterator[tuple[str, ...]]:
    cpu_ms = {cost.surface.title: cost.cpu_ms for cost in costs}
    for cost in costs:
        chat = cost.surface.beside or cost.surface
        share = f"{100 * ratio(cost.cpu_ms, cpu_ms[chat.title]):.0f} %"
        yield cost.surface.title, f"{cost.per_s:.0f}", f"{cost.p50_ms:.2f}", f"{cost.cpu_ms:.2f}", share
