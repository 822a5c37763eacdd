"""What a command prints when it cannot do its work: one sentence, what to do about it, and exit status 1."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import wraps
from typing import Any, ParamSpec

import typer
from rich.text import Text

from services.cli.listing import Wrapped
from services.cli.output import err, plain, print_json
from services.cli.step_views import steps_text
from shared.client import Problem, ProblemError
from shared.errors import Failure, TallygateError

P = ParamSpec("P")


def refused(detail: str, *tips: str) -> ProblemError:
    """The command was not given what it needs."""
    return ProblemError(Problem("invalid_request", detail, tips))


def reports_problems(command: Callable[P, None]) -> Callable[P, None]:
    """The command, which prints an expected failure and exits with status 1 instead of raising it."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ProblemError as error:
            report_problem(error.problem, as_json=kwargs.get("as_json") is True)
            raise typer.Exit(1) from None
        except TallygateError as error:
            report_problem(_problem(error.failure), as_json=kwargs.get("as_json") is True)
            raise typer.Exit(1) from None

    return run


def report_problem(problem: Problem, *, as_json: bool = False) -> None:
    """As text on standard error; with `--json` also as JSON on standard output, for scripts."""
    if as_json:
        print_json(asdict(problem))
    err().print(Wrapped(words(problem)))


def _problem(failure: Failure) -> Problem:
    return Problem(failure.error_type, failure.detail, failure.tips)


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
    # Often the only attempt failed with the same detail as the problem: print it once.
    same = problem.detail.endswith(str(attempt.get("detail")))
    return plain(line if same else f"{line}: {attempt.get('detail')}")
