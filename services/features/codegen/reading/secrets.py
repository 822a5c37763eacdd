"""Pure: take secrets out of a text before a model sees it.

Better one string too many than one key too few, as long as ordinary code stays as it is. All patterns are linear, or
bounded, in the length of the text: whoever writes the text wants to be read, or wants to keep a worker busy.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from services.features.codegen.known_secrets import KnownSecrets
from services.features.codegen.reading.named_values import elements, is_configuration, named_values
from services.features.codegen.reading.randomness import is_placeholder
from services.features.codegen.reading.tokens import Place, tokens

MARK = "«removed: "  # a produced file that holds it was written over a secret


@dataclass(frozen=True, slots=True)
class Cleaned:
    """removed: how many of which kind. secrets: themselves, to be found again in texts that quote this one."""

    text: str
    removed: Mapping[str, int] = field(default_factory=dict)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def count(self) -> int:
        return sum(self.removed.values())


@dataclass(slots=True)
class _Taken:
    kinds: Counter[str] = field(default_factory=Counter)
    secrets: set[str] = field(default_factory=set)


def remove_secrets(path: str, text: str, known: KnownSecrets | None = None) -> Cleaned:
    """path: says whether what stands unquoted after `=` or `:` is a value, as in configuration, or code. known: what
    was found elsewhere."""
    taken = _Taken()
    text = _without(text, _private_keys(text), taken)
    if known is not None:
        text = _without(text, known.by_format(text), taken)
    text = _without(text, tokens(text), taken)
    text = _without(text, _in_urls(text), taken)
    text = _without(text, named_values(text, is_configuration(path)), taken)
    text = _without(text, elements(text), taken)
    if known is not None:
        text = _without(text, _known(known.places(text)), taken)
    return Cleaned(text, dict(taken.kinds), frozenset(taken.secrets))


def remove_from_quotes(text: str, known: KnownSecrets) -> str:
    """For what quotes files in sentences and cuts what it quotes: messages of checks, output of commands."""
    cleaned = remove_secrets("", text, known).text
    return _without(cleaned, _known(known.pieces(cleaned)), _Taken())


def known_secrets(files: Mapping[str, str], formats: Mapping[str, str] | None = None) -> KnownSecrets:
    """All that are found in these files. formats: those that have the format of one, as these say it."""
    found = (secret for path, text in files.items() for secret in remove_secrets(path, text).secrets)
    return KnownSecrets(found, formats)


def remove_known(text: str, known: KnownSecrets) -> str:
    return _without(text, _known(known.places(text)), _Taken())


def _known(places: Iterable[tuple[int, int]]) -> Iterator[Place]:
    return ((start, end, "secret") for start, end in places)


def _without(text: str, places: Iterable[Place], taken: _Taken) -> str:
    parts, at = [], 0
    for start, end, kind in places:
        secret = text[start:end]
        if start < at or MARK.rstrip() in secret:
            continue
        taken.kinds[kind] += 1
        taken.secrets.update(_KEY_RUN.findall(secret) if kind == _PRIVATE_KEY else (secret,))
        parts += [text[at:start], f"{MARK}{kind}»"]
        at = end
    return "".join(parts) + text[at:] if parts else text


# Private keys

_KEY_BEGIN = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"
)
_KEY_END = re.compile(r"-{4,5} ?END [A-Z0-9 ]{0,60}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
_KEY_RUN = re.compile(r"[A-Za-z0-9+/=]{16,}")
_KEY_LINE = re.compile(r"[\s\"'`#*|>+,.;:()\\rn-]*[A-Za-z0-9+/=]{16,}[\s\"'`+,;()\\rn]*\n?")
_PRIVATE_KEY = "private key"
_MAX_KEY_CHARS = 20_000
_MIN_KEY_CHARS = 40  # less is code that speaks of keys


def _private_keys(text: str) -> Iterator[Place]:
    at = 0
    for begin in _KEY_BEGIN.finditer(text):
        if begin.start() < at:
            continue
        end = _key_end(text, begin.end())
        if sum(map(len, _KEY_RUN.findall(text, begin.end(), end))) >= _MIN_KEY_CHARS:
            yield begin.start(), end, _PRIVATE_KEY
            at = end


def _key_end(text: str, begin: int) -> int:
    """Where the key's end is marked, or, of one that was cut, where its lines stop looking like one."""
    following = _KEY_BEGIN.search(text, begin, begin + _MAX_KEY_CHARS)
    last = following.start() if following else min(len(text), begin + _MAX_KEY_CHARS)
    end = _KEY_END.search(text, begin, last)
    if end:
        return end.end()
    at = text.find("\n", begin, last) + 1 or last
    while (line := _KEY_LINE.match(text, at, last)) is not None:
        at = line.end()
    return at


# Passwords in URLs

_URL = re.compile(
    r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s/:@\"'`<>?#]{0,100}:(?P<secret>[^\s/@\"'`<>]{3,300})@"
)


def _in_urls(text: str) -> Iterator[Place]:
    for found in _URL.finditer(text):
        if not is_placeholder(found["secret"]):
            yield *found.span("secret"), "password in a URL"
