"""Pure: put a cut answer and its continuation together."""

import re

from services.features.codegen.answers.marked import read_marked
from services.features.codegen.answers.markers import fence_of

MAX_OVERLAP = 4_000  # characters that a model may repeat
MIN_OVERLAP = 16  # shorter ones are chance, unless they are the whole unfinished line
MIN_UNFINISHED = 3
RESTARTED = 200  # characters that are the same at the start of both: the model began anew

# What a model says before it goes on, then the fence. Other lines before a fence belong to the file.
_LEADING = re.compile(
    r"\s*+(?:(?:(?:sure|ok|here|certainly|continu)[^\n`~]{0,200}|[^\n`~]{0,80}continu[^\n`~]{0,80}:)\n\s*+)?"
    r"(?=[ \t]*+(?:`{3}|~{3}))",
    re.IGNORECASE,
)
_MARKDOWN = ("markdown", "md", "mdx")


def continued(first: str, rest: str) -> str:
    """What the model would have written in one go. What it repeats is dropped: the last lines, the fence that it opens
    anew, a sentence before that fence. When it began from the start, the longer of both."""
    if not first or not rest:
        return first or rest
    if len(first) >= RESTARTED and rest.startswith(first[:RESTARTED]):
        return max(first, rest, key=len)
    options = [first + rest[_overlap(first, rest) :]]
    if (bare := _without_fence(first, rest)) is not None:
        options.insert(0, first + bare[_overlap(first, bare) :])
    return options[0]


def _overlap(first: str, rest: str) -> int:
    unfinished = len(first) - (first.rfind("\n") + 1)
    for size in range(min(len(first), len(rest), MAX_OVERLAP), 0, -1):
        if size < MIN_OVERLAP and (size != unfinished or not _tells_apart(rest[:size])):
            continue
        if rest[:size].strip() and first.endswith(rest[:size]):
            return size
    return 0


def _tells_apart(text: str) -> bool:
    """Rulers and marks of one character look the same everywhere."""
    return len(text.strip()) >= MIN_UNFINISHED and any(char.isalnum() for char in text)


def _without_fence(first: str, rest: str) -> str | None:
    """The rest without the fence that opens it anew, None when it opens none. A fence with no language closes the
    block that was cut, unless it is what would leave the joined answer cut."""
    answer = read_marked(first)
    found = _LEADING.match(rest)
    if not found or not (answer.cut or first.lstrip().startswith(("{", "["))):
        return None
    line, newline, body = rest[found.end() :].partition("\n")
    fence = fence_of(line)
    if fence is None or not newline:
        return None
    if fence.info:
        in_markdown = (answer.cut_path or "").lower().endswith((".md", ".mdx"))
        repeated = not in_markdown or fence.language in _MARKDOWN
    else:
        repeated = bool(found[0].strip()) or read_marked(f"{first}\n{rest}").cut
    if not repeated:
        return None
    return body if answer.cut else body.rstrip().removesuffix("```")  # JSON that had no fence needs none to close
