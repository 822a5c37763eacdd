"""Pure: a wish as a comment of the code that is to come."""

import textwrap
import unicodedata

from shared.errors.redact import redact

_WIDTH = 88
HONEST = "A skeleton by Tallygate's template generator: nothing of this is built yet."


def comment_lines(wish: str) -> tuple[str, ...]:
    """The wish in short lines and what this is. Holds nothing that ends a comment in any of the languages, no secret
    that can be recognized, and no character that shows code as something else than it is."""
    visible = "".join(" " if unicodedata.category(char) in ("Cc", "Cf", "Cs") else char for char in wish)
    words = " ".join(redact(visible).split())
    for ending, harmless in (("*/", "* /"), ("/*", "/ *"), ('"""', "'''"), ("\\", "/")):
        words = words.replace(ending, harmless)
    return (*textwrap.wrap(words, _WIDTH), "", HONEST)


def block_comment(wish: str) -> str:
    """As JavaScript and Java write it."""
    return "\n".join(["/**", *(f" * {line}".rstrip() for line in comment_lines(wish)), " */"])


def line_comment(wish: str, mark: str) -> str:
    return "\n".join(f"{mark} {line}".rstrip() for line in comment_lines(wish))
