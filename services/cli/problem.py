"""What a command tells when it cannot do its work: one sentence, what to do about it, and exit status 1."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import wraps
from typing import Any, ParamSpec

import typer
from rich.text import Text

from services.cli.output import err, plain, print_json
from services.cli.step_views import steps_text
from shared.errors import Failure, TallygateError

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Problem:
    """`status` is the HTTP status, None when nobody answered. `attempts`: the calls that were made, as told.

    `steps`: how far a model's setup or test came.
    """

    error_type: str
    detail: str
    tips: tuple[str, ...] = ()
    status: int | None = None
    inference_id: str | None = None
    attempts: tuple[Mapping[str, Any], ...] = ()
    steps: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def parse(cls, told: Mapping[str, Any], status: int) -> "Problem | None":
        """From problem+json or an OpenAI error object; None when it is neither."""
        error = told.get("error", told)
        # Others have codes too; tips are ours.
        if not isinstance(error, dict) or not isinstance(error.get("code"), str) or "tips" not in error:
            return None
        return cls(
            error["code"],
            str(error.get("detail") or error.get("message") or ""),
            tuple(error.get("tips") or ()),
            status,
            error.get("inference_id"),
            tuple(error.get("attempts") or ()),
            tuple(error.get("steps") or ()),
        )

    @classmethod
    def of(cls, failure: Failure) -> "Problem":
        return cls(failure.error_type, failure.detail, failure.tips)


class ProblemError(Exception):
    """An expected failure of a command."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.error_type}: {problem.detail}")
        self.problem = problem


def refused(detail: str, *tips: str) -> ProblemError:
    """The command was not given what it needs."""
    return ProblemError(Problem("invalid_request", detail, tips))


def told(command: Callable[P, None]) -> Callable[P, None]:
    """The command, with expected failures told and exit status 1 instead of a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ProblemError as error:
            tell(error.problem, as_json=kwargs.get("as_json") is True)
            raise typer.Exit(1) from None
        except TallygateError as error:
            tell(Problem.of(error.failure), as_json=kwargs.get("as_json") is True)
            raise typer.Exit(1) from None

    return run


def tell(problem: Problem, *, as_json: bool = False) -> None:
    """In words on standard error; with `--json` also as JSON on standard output, where scripts read."""
    if as_json:
        print_json(asdict(problem))
    err().print(words(problem))


def words(problem: Problem) -> Text:
    text = steps_text(problem.steps)
    text.append("✗ ", "red").append(plain(problem.error_type), "bold red").append(f": {plain(problem.detail)}")
    for number, attempt in enumerate(problem.attempts, 1):
        text.append(f"\n  attempt {number}: ", "dim").append(_attempt(attempt, problem))
    for tip in problem.tips:
        text.append("\n  → ", "cyan").append(plain(tip))
    if problem.inference_id:
        text.append("\n  timeline: ", "dim").append(f"tallygate show {plain(problem.inference_id)}")
    return text


def _attempt(attempt: Mapping[str, Any], problem: Problem) -> str:
    status = f" ({attempt['upstream_status']})" if attempt.get("upstream_status") else ""
    line = f"{attempt.get('model')} {attempt.get('error_type')}{status}"
    # Often the only attempt failed with the very words of the problem: say them once.
    same = problem.detail.endswith(str(attempt.get("detail")))
    return plain(line if same else f"{line}: {attempt.get('detail')}")
