"""What went wrong, as the caller of a gateway reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.client.answer import Answer


@dataclass(frozen=True, slots=True)
class Problem:
    """error_type: of the catalogue. status: the HTTP status, None without an answer.

    attempts: the calls of models that were made, as the gateway tells them. steps: how far a model's setup or test
    came.
    """

    error_type: str
    detail: str
    tips: tuple[str, ...] = ()
    status: int | None = None
    inference_id: str | None = None
    attempts: tuple[Mapping[str, Any], ...] = ()
    steps: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def parse(cls, answer: Answer) -> "Problem | None":
        """From problem+json or an OpenAI error object; None when the body is neither, or none of our gateway's."""
        try:
            body = answer.body
        except ValueError:
            return None
        error = body.get("error", body) if isinstance(body, dict) else None
        # Others have codes too; tips are ours.
        if not isinstance(error, dict) or not isinstance(error.get("code"), str) or "tips" not in error:
            return None
        return cls(
            error["code"],
            str(error.get("detail") or error.get("message") or ""),
            tuple(error.get("tips") or ()),
            answer.status,
            error.get("inference_id"),
            tuple(error.get("attempts") or ()),
            tuple(error.get("steps") or ()),
        )


class ProblemError(Exception):
    """An expected failure: the gateway refused, or could not be asked."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.error_type}: {problem.detail}")
        self.problem = problem
