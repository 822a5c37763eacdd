"""`python -m benchmarks surfaces`: what each surface costs beside a chat. A further surface is a row of `SURFACES`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.table import Table

from benchmarks import usage
from benchmarks.endpoint.behaviour import AT_ONCE
from benchmarks.figures import percentile, ratio
from benchmarks.load.messages import LoadOrder, LoadResult, chat_body, post_request
from benchmarks.system import OURS, System, running_system
from benchmarks.target import Target
from deploy.local.progress import console, step

_WARM_S, _WARM_UP_S = 0.3, 2.0


@dataclass(frozen=True)
class Surface:
    """body: of a request, without its model. name: which of several requests of one path."""

    path: str
    body: Mapping[str, Any]
    name: str = ""

    @property
    def title(self) -> str:
        return f"{self.path} {self.name}".strip()


CHAT = Surface("/v1/chat/completions", chat_body())
MIDDLE_CHAT = Surface("/v1/chat/completions", chat_body() | {"answer_bytes": 8_200}, "an answer of 8 KB")
LONG_CHAT = Surface("/v1/chat/completions", chat_body() | {"answer_bytes": 132_000}, "an answer of 132 KB")


@dataclass(frozen=True)
class Compared(Surface):
    """beside: the chat whose answer is as long."""

    beside: Surface = CHAT


SURFACES = (
    Compared("/v1/messages", chat_body() | {"max_tokens": 100}),
    Compared("/v1/responses", {"input": "which?", "store": False}),
    Compared("/v1/completions", {"prompt": "which?"}),
    Compared("/v1/rerank", {"query": "which?", "documents": ["a document"] * 16}, "16 documents"),
    Compared(
        "/v1/embeddings",
        {"input": "one text", "encoding_format": "base64"},
        "one text, 8 KB",
        beside=MIDDLE_CHAT,
    ),
    Compared(
        "/v1/embeddings",
        {"input": ["one text"] * 16, "encoding_format": "base64"},
        "16 texts, 132 KB",
        beside=LONG_CHAT,
    ),
)


@dataclass(frozen=True)
class Cost:
    """cpu_ms: of all of Tallygate's processes, for one request; by_process: of each."""

    per_s: float
    p50_ms: float
    by_process: Mapping[str, float]
    problems: int

    @property
    def cpu_ms(self) -> float:
        return sum(self.by_process.values())


@dataclass(frozen=True)
class Pair:
    """A surface and its chat, measured one after the other: whatever the machine did then, it did to both."""

    surface: Compared
    chat: Cost
    cost: Cost

    @property
    def share(self) -> float:
        return ratio(self.cost.cpu_ms, self.chat.cpu_ms)


def run(callers: int, seconds: float, rounds: int) -> bool:
    """False when an answer was missing. In each round every surface is measured beside a chat, before or after it."""
    with running_system([AT_ONCE]) as system:
        runs = _Runs(system, callers)
        with step("warm up"):
            for surface in (CHAT, MIDDLE_CHAT, LONG_CHAT, *SURFACES):
                runs.measure(surface, _WARM_UP_S)
        pairs = []
        for number in range(rounds):
            with step(f"round {number + 1} of {rounds}"):
                pairs += [runs.measure_pair(surface, seconds, chat_first=number % 2 == 0) for surface in SURFACES]
    console.print(_table(pairs, callers))
    console.print(_by_process(pairs))
    return not any(pair.chat.problems + pair.cost.problems for pair in pairs)


class _Runs:
    def __init__(self, system: System, callers: int) -> None:
        self._system = system
        self._callers = callers
        self._settled = 0

    def measure_pair(self, surface: Compared, seconds: float, *, chat_first: bool) -> Pair:
        if chat_first:
            chat, cost = self.measure(surface.beside, seconds), self.measure(surface, seconds)
        else:
            cost, chat = self.measure(surface, seconds), self.measure(surface.beside, seconds)
        return Pair(surface, chat, cost)

    def measure(self, surface: Surface, seconds: float) -> Cost:
        """Until the books are written."""
        pids = self._system.pids
        before = usage.cpu_by_process(pids)
        result = self._system.stage.load.run(_order(self._system.target, surface, self._callers, seconds))
        self._settled += result.succeeded
        self._system.api.wait_booked(self._settled)
        after = usage.cpu_by_process(pids)
        return _cost(result, {name: after[name] - before[name] for name in pids})


def _order(target: Target, surface: Surface, callers: int, seconds: float) -> LoadOrder:
    host, _, port = target.origin.removeprefix("http://").rpartition(":")
    body = {"model": target.model.format(AT_ONCE), **surface.body}
    request = post_request(target.origin, surface.path, {"authorization": f"Bearer {target.key}"}, body)
    return LoadOrder(host=host, port=int(port), request=request, callers=callers, warm_s=_WARM_S, seconds=seconds)


def _cost(result: LoadResult, cpu_s: Mapping[str, float]) -> Cost:
    return Cost(
        per_s=len(result.latencies_us) / result.seconds,
        p50_ms=percentile(result.latencies_us, 0.5) / 1000,
        by_process={name: 1000 * ratio(seconds, result.answered) for name, seconds in cpu_s.items()},
        problems=result.problems,
    )


def _table(pairs: list[Pair], callers: int) -> Table:
    table = Table("surface", "/s", "p50 ms", "CPU ms", "chat's", "share", "rounds", title=f"{callers} callers")
    for surface in SURFACES:
        table.add_row(surface.title, *_row([pair for pair in pairs if pair.surface is surface]))
    return table


def _row(pairs: list[Pair]) -> Iterator[str]:
    shares = sorted(pair.share for pair in pairs)
    yield f"{median(pair.cost.per_s for pair in pairs):.0f}"
    yield f"{median(pair.cost.p50_ms for pair in pairs):.1f}"
    yield f"{median(pair.cost.cpu_ms for pair in pairs):.2f}"
    yield f"{median(pair.chat.cpu_ms for pair in pairs):.2f}"
    yield f"{median(shares):.0%}"
    yield f"{shares[0]:.0%}-{shares[-1]:.0%}"


def _by_process(pairs: list[Pair]) -> Table:
    table = Table("surface", *OURS, title="CPU ms of a request more than of a chat")
    for surface in SURFACES:
        own = [pair for pair in pairs if pair.surface is surface]
        more = (median(pair.cost.by_process[name] - pair.chat.by_process[name] for pair in own) for name in OURS)
        table.add_row(surface.title, *(f"{value:+.2f}" for value in more))
    return table
