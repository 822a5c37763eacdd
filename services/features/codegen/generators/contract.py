"""What a generator is. Others are found by the entry point group `tallygate.generators`: a function that makes one."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol

from services.features.codegen.values import Draft, Finding, Step, Task

GROUP = "tallygate.generators"


class Reply(NamedTuple):
    """A model's answer. finish_reason "length": it was cut. inference_id: where its timeline is."""

    text: str
    finish_reason: str
    model: str
    inference_id: str


class Ask(Protocol):
    """One model call, through the router and on record. The same `key` within a job gives the same answer, also in a
    worker that goes on with a job of one that died; so keys must be the same every time a job is run.

    Raises shared.errors.TallygateError when no model answered.
    """

    async def __call__(
        self,
        key: str,
        messages: Sequence[dict[str, Any]],
        *,
        max_tokens: int,
        json_schema: dict[str, Any] | None = None,
    ) -> Reply: ...


class Tell(Protocol):
    """Says where the job is, and a few words about it that hold no content of the repository."""

    async def __call__(self, step: Step, message: str = "") -> None: ...


Check = Callable[[Draft], Awaitable[tuple[Finding, ...]]]


class Generator(Protocol):
    """Makes the files for a wish. `check` tells what is wrong with a draft; how often to repair is for the generator,
    within `options["max_repairs"]`. A draft that still has findings is given back as it is: the job reports it."""

    name: str

    async def generate(self, task: Task, ask: Ask, tell: Tell, check: Check) -> Draft: ...
