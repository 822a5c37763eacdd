"""Questions whose answers are checked. What was answered before is offered again."""

import re
from collections.abc import Callable

import questionary


def ask_text(question: str, default: str | None, problem: Callable[[str], str | None]) -> str:
    """problem: what is wrong with an answer; it is asked until nothing is."""

    def validate(text: str) -> bool | str:
        return problem(text.strip()) or True

    answer: str = questionary.text(question, default=default or "", validate=validate).unsafe_ask()
    return answer.strip()


def ask_number(question: str, default: float | None, *, whole: bool = False) -> float | None:
    """None for an empty answer."""
    pattern, example = (r"\d*", "8192") if whole else (r"(\d+(\.\d*)?|\.\d+)?", "0.25")

    def problem(text: str) -> str | None:
        return None if re.fullmatch(pattern, text) else f"A number like {example}."

    answer = ask_text(question, "" if default is None else f"{default:.12g}", problem)
    return float(answer) if answer else None
