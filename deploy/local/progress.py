"""Output for people, on standard error: standard output is for the `ready` line alone, which programs read."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.status import Status

console = Console(stderr=True, highlight=False, soft_wrap=True)


def say(sentence: str) -> None:
    console.print(sentence, markup=False)


@contextmanager
def step(name: str) -> Iterator[Status]:
    """Shows a spinner where there is a terminal, and one line with the seconds taken everywhere."""
    started = monotonic()
    with console.status(f"{name} ...") as status:
        yield status
    say(f"  {name}: {monotonic() - started:.1f} s")
