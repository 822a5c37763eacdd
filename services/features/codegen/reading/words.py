"""Pure: the words in prose, code and paths, so that `rateLimiter`, `rate_limit` and "rate limits" meet."""

import re
from functools import lru_cache

_IDENTIFIER = re.compile(r"[^\W_]+")
_PARTS = re.compile(r"[A-Z]+s?(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\dA-Za-z_]+")
_STOPWORDS = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "do", "does", "for", "from", "get", "has",
    "have", "if", "in", "into", "is", "it", "its", "new", "no", "not", "of", "on", "or", "our", "out", "so",
    "that", "the", "their", "them", "then", "there", "these", "this", "to", "use", "used", "using", "via",
    "want", "we", "what", "when", "where", "which", "will", "with", "would", "you", "your", "add", "make",
    "please", "should", "must", "also", "each", "every", "all", "any", "some", "self", "def", "class",
    "return", "import", "function", "var", "let", "const", "feature", "code", "file", "write", "implement",
    "create", "support",
})  # fmt: skip
_LONGEST = 40  # characters; longer ones are data


def words(text: str) -> list[str]:
    """In lower case, with plurals and the like taken off, in order and as often as they occur."""
    found: list[str] = []
    for identifier in _IDENTIFIER.findall(text):
        if len(identifier) <= _LONGEST:
            found += _words_of(identifier)
    return found


@lru_cache(maxsize=65_536)
def _words_of(identifier: str) -> tuple[str, ...]:
    if identifier.isascii() and identifier.isalpha() and identifier.islower():  # most are one word: no need to look
        return (_stem(identifier),) if len(identifier) > 1 and identifier not in _STOPWORDS else ()
    parts = [part.lower() for part in _PARTS.findall(identifier)]
    if len(parts) > 1:
        parts.append(identifier.lower())
    return tuple(_stem(part) for part in parts if len(part) > 1 and part not in _STOPWORDS)


def _stem(word: str) -> str:
    """Only what is safe for names: limits, limited, limiting and limiter are all about a limit."""
    for end in ("ing", "ers", "ies", "er", "ed", "es", "s"):
        if word.endswith(end) and len(word) - len(end) >= 4 and not word.endswith("ss"):
            return word[: -len(end)].removesuffix("e") + ("y" if end == "ies" else "")
    return word.removesuffix("e") if len(word) > 4 else word
