"""Pure: what a model is told of a repository for one wish.

What a repository holds is data: it is ranked, cut and cleaned, and nothing in it decides how.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from services.features.codegen.reading.excerpt import estimated_tokens, excerpt
from services.features.codegen.reading.facts import make_facts
from services.features.codegen.reading.relevance import Ranked, rank
from services.features.codegen.reading.secrets import known_secrets, remove_secrets
from services.features.codegen.values import ChosenFile, Context, Facts, Repository

_LEAST_CONTEXT = 400  # tokens, however small the window is
_LEAST_ANSWER = 256
_FACTS_SHARE = 0.25  # of the budget, at most
_LARGEST_SHARE = 0.4  # of the budget, for one file that is not named in the wish
_FILE_TOKENS = 30  # path, reason and fences around each file
_MIN_TOKENS = 120  # less of a file says nothing
_MAX_CONSIDERED = 200  # files of the ranking that may still be small enough when the budget is nearly used


class Budget(NamedTuple):
    """Tokens of a prompt's context and of an answer. What is left of the model's window is for the wish, the
    instructions and errors of estimation."""

    context: int
    answer: int


def budget(window: int | None, most: Budget) -> Budget:
    """window: of the model, in tokens; None: not known. most: what the operator allows."""
    if window is None:
        return most
    return Budget(
        min(most.context, max(_LEAST_CONTEXT, window // 3)), min(most.answer, max(_LEAST_ANSWER, window // 5))
    )


def make_context(
    wish: str, repository: Repository, budget_tokens: int, formats: Mapping[str, str] | None = None
) -> Context:
    """Facts and the most relevant files within the budget, each with its reason, without secrets. formats: strings that
    have the format of one, and what kind each is."""
    secrets = known_secrets(repository.files, formats)
    facts = _trimmed(make_facts(repository), int(budget_tokens * _FACTS_SHARE))
    used = facts_tokens(facts)
    chosen: list[ChosenFile] = []
    removed = 0
    for ranked in rank(wish, repository.files)[:_MAX_CONSIDERED]:
        left = budget_tokens - used - _FILE_TOKENS
        if left < _MIN_TOKENS:
            break
        cleaned = remove_secrets(ranked.path, repository.files[ranked.path], secrets)
        file = _fitted(ranked, cleaned.text, left, budget_tokens)
        if file is not None:
            chosen.append(file)
            used += estimated_tokens(file.content) + _FILE_TOKENS
            removed += cleaned.count
    return Context(facts, tuple(chosen), used, removed, secrets)


def facts_tokens(facts: Facts) -> int:
    lines = [*facts.languages, *facts.frameworks, *facts.layout, *facts.conventions, *facts.test_paths]
    return estimated_tokens("\n".join(lines)) + _FILE_TOKENS


def _trimmed(facts: Facts, max_tokens: int) -> Facts:
    """The layout is the longest part, and its end the least said."""
    while facts.layout and facts_tokens(facts) > max_tokens:
        facts = replace(facts, layout=facts.layout[:-1])
    return facts


def _fitted(ranked: Ranked, text: str, left: int, budget_tokens: int) -> ChosenFile | None:
    """Whole when it fits, otherwise cut; None when nothing sensible is left of it."""
    if not text.strip():
        return None
    named = "named in the wish" in ranked.reason
    allowed = left if named else min(left, max(_MIN_TOKENS, int(budget_tokens * _LARGEST_SHARE)))
    if estimated_tokens(text) <= allowed:
        return ChosenFile(ranked.path, text, ranked.reason)
    content = excerpt(text, ranked.matched, allowed)
    if not content or estimated_tokens(content) > allowed:
        return None
    return ChosenFile(ranked.path, content, f"{ranked.reason}; cut to the lines that matter", cut=True)
