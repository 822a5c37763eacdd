"""Pure: whether a value looks like a secret, or like a name, a word or a place to put one."""

import re
from collections import Counter
from itertools import pairwise
from math import log2

_PLACEHOLDER_WORDS = frozenset({
    "password", "passwd", "pass", "pwd", "pw", "secret", "token", "key", "apikey", "user", "username", "xxx",
    "example", "changeme", "change-me", "change_me", "your", "placeholder", "redacted", "none", "null",
    "true", "false", "undefined", "dummy", "todo",
})  # fmt: skip
_PLACEHOLDER = re.compile(
    r"[$%]?[{(<\[].*[})>\]]$|\$\w+$|%\w+%?$"
    r"|[x*.•_-]+$|(?:your|my|some|insert|replace|change|enter|put|add|todo|example|dummy|fake)[-_ ]?[a-z_ -]*$",
    re.IGNORECASE,
)
_INSERTED = re.compile(r"\{[^{}]{0,80}\}|\$[({]|%[s(]|<[a-z _-]{1,40}>", re.IGNORECASE)
# Names in code, of settings, of headers, of files: words with a few digits at their ends.
_NAME = re.compile(r"[@./:-]{0,2}(?:[A-Za-z]{2,}\d{0,3}|\d{1,4})(?:[-_./:@][A-Za-z]*\d{0,4})*$")
_PATH = re.compile(r"(?:[a-z][a-z0-9+.-]*://|\.{0,2}/[\w.-]+/|~/|[A-Z]:[\\/])", re.IGNORECASE)
_CODE = re.compile(r"[()\[\]{}]|->|=>|::|\\[wdsb]")
_IS_PASSWORD = re.compile(r"(?:pass(?:word|wd|phrase)?|pwd|secret)$", re.IGNORECASE)  # not a label or help for one
_PHRASE_WORD = re.compile(r"[^\W_][\w'!?.-]*")
_SENTENCE_WORDS = frozenset({
    "a", "an", "the", "this", "that", "is", "are", "was", "be", "to", "of", "for", "from", "with", "by", "in", "on",
    "at", "and", "or", "not", "no", "if", "when", "must", "may", "can", "will", "should", "it", "its", "your", "you",
    "my", "please", "enter", "new", "old", "invalid", "wrong", "missing", "required", "forgot", "show", "hide",
    "change", "password", "passwords", "passphrase", "secret", "token", "key", "user", "username",
})  # fmt: skip
_PASSWORD = re.compile(r"pass|pwd", re.IGNORECASE)
_LONG_WORD = re.compile(r"[A-Za-z]{14,}")
_TOO_LONG_TO_BE_SAID = 12
_JUDGED = 300  # characters of a value: the rest is like them
_RANDOM_BITS = 3.0  # a character; English words have about 2.5, hexadecimal digests 3.5


def is_placeholder(value: str) -> bool:
    """Whether a value only shows where a secret goes."""
    if value.lower() in _PLACEHOLDER_WORDS or len(set(value)) < 3:
        return True
    return _PLACEHOLDER.match(value) is not None or _INSERTED.search(value) is not None


def is_random(value: str) -> bool:
    """Letters and digits mixed, and hardly a character twice: _RANDOM_BITS or more, fewer of short values."""
    value = value[:_JUDGED]
    if len(value) < 8 or _is_name(value) or is_placeholder(value):
        return False
    has_digit, has_letter = any(map(str.isdigit, value)), any(map(str.isalpha, value))
    return has_letter and (has_digit or _is_mixed(value)) and bits(value) >= min(_RANDOM_BITS, log2(len(value)) - 0.5)


def is_password(name: str, value: str) -> bool:
    """Whether a value is one, given what it is called. People's passwords are less random than machines' keys."""
    value = value[:_JUDGED]
    if _PATH.match(value) or is_placeholder(value):
        return False
    if " " in value:
        return _IS_PASSWORD.search(name) is not None and _is_passphrase(value)
    if _PASSWORD.search(name):
        return len(value) >= 8 and not _is_word(value) and bits(value) >= 2.25 and not _is_code(value)
    return not _CODE.search(value) and len(value) >= 12 and is_random(value)


def _is_passphrase(value: str) -> bool:
    """Words, of which none is one that sentences are made of; or something random among them."""
    words = value.split(" ")
    if not all(map(_PHRASE_WORD.fullmatch, words)):
        return False
    said = len(words) >= 3 and len(value) >= 16 and _SENTENCE_WORDS.isdisjoint(value.lower().split())
    return said or any(len(word) >= _TOO_LONG_TO_BE_SAID and is_random(word) for word in words)


def bits(value: str) -> float:
    """Shannon's entropy of a character."""
    counts = Counter(value)
    return -sum(count / len(value) * log2(count / len(value)) for count in counts.values())


def _is_name(value: str) -> bool:
    """Words with a few digits at their ends, and not a random key whose digits happen to stand there."""
    return _NAME.match(value) is not None and not any(map(_is_mixed, _LONG_WORD.findall(value)))


def _is_mixed(value: str) -> bool:
    """Upper and lower case change more often than in CamelCase, or there are more capitals, though not nearly all."""
    changes = sum(a.isupper() != b.isupper() for a, b in pairwise(value))
    capitals = sum(map(str.isupper, value))
    return changes > len(value) / 3 or len(value) / 3 < capitals < len(value) * 0.8


def _is_word(value: str) -> bool:
    """Letters alone, with what joins words: a name of something. Not when upper and lower case change at random."""
    if len(value) >= _TOO_LONG_TO_BE_SAID and value.isalpha() and _is_mixed(value):
        return False
    return re.fullmatch(r"[A-Za-z]+(?:[-_. :/][A-Za-z]+)*[-_.:]?", value) is not None


def _is_code(value: str) -> bool:
    """A call, an index, a regular expression, as no password is written."""
    return re.search(r"\w\(|\)$|\w\[|^\[|\\[wdsb]|->|=>|::", value) is not None
