"""Pure: how much of a repository goes into a prompt, and how long an answer may be, by the model's context window."""

from typing import NamedTuple

_LEAST_CONTEXT = 400
_LEAST_ANSWER = 256


class Budget(NamedTuple):
    """Tokens. What is left of the window is for the wish, the instructions and errors of estimation."""

    context: int
    answer: int


def budget(window: int | None, most: Budget) -> Budget:
    """`most`: what the operator allows; a model whose window is not known gets it."""
    if window is None:
        return most
    return Budget(
        min(most.context, max(_LEAST_CONTEXT, window // 3)), min(most.answer, max(_LEAST_ANSWER, window // 5))
    )
