"""Pure: take secrets out of a text before a model sees it.

Better one string too many than one key too few, as long as ordinary code stays as it is. All patterns are linear, or
bounded, in the length of the text: whoever writes the text wants to be read, or wants to keep a worker busy.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from services.features.reading.randomness import is_password, is_placeholder, is_random

_Rule = tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]]

_OPEN_ENDS = ("=", ":", "(", "=>", "\\")
_MAX_HELD_CHARS = 2_000
_NAMING = ("pass", "pwd", "secret", "token", "key", "credential", "bearer", "basic")  # asked first: it is cheap

MARK = "«removed: "  # a produced file that holds it was written over a secret


@dataclass(frozen=True, slots=True)
class Cleaned:
    """removed: how many of which kind."""

    text: str
    removed: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(self.removed.values())


def remove_secrets(path: str, text: str) -> Cleaned:
    """path: says whether what stands unquoted after `=` or `:` is a value, as in configuration, or code."""
    removed: Counter[str] = Counter()
    text = _without_private_keys(text, removed)
    for kind, pattern in _TOKENS:
        text = _without(text, pattern, kind, removed, lambda _: True)
    text = _without(text, _URL, "password in a URL", removed, _is_secret_in_url)
    named = (*_NAMED, _UNQUOTED_RULE) if _is_configuration(path) else _NAMED
    return Cleaned("".join(_without_named(part, named, removed) for part in _parts(text)), dict(removed))


def _parts(text: str) -> Iterator[str]:
    """Lines, each with the one after it where that holds its value."""
    held = ""
    for line in text.splitlines(keepends=True):
        held += line
        if not (line.rstrip().endswith(_OPEN_ENDS) and len(held) < _MAX_HELD_CHARS):
            yield held
            held = ""
    yield held


def _without_named(part: str, rules: Sequence[_Rule], removed: Counter[str]) -> str:
    lower = part.lower()
    if not any(word in lower for word in _NAMING):
        return part
    for kind, pattern, is_secret in rules:
        part = _without(part, pattern, kind, removed, is_secret)
    return part


def _mark(kind: str) -> str:
    return f"{MARK}{kind}»"


def _without(
    text: str, pattern: re.Pattern[str], kind: str, removed: Counter[str], is_secret: Callable[[re.Match[str]], bool]
) -> str:
    """Takes out the group `secret`, or all that was matched where there is none."""
    group: str | int = "secret" if "secret" in pattern.groupindex else 0

    def put(found: re.Match[str]) -> str:
        if MARK in found[group] or not is_secret(found):
            return found[0]
        removed[kind] += 1
        start, end = (place - found.start() for place in found.span(group))
        return found[0][:start] + _mark(kind) + found[0][end:]

    return pattern.sub(put, text)


# Private keys

_KEY_BEGIN = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"
)
_KEY_END = re.compile(r"-{4,5} ?END [A-Z0-9 ]{0,60}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
_KEY_RUN = re.compile(r"[A-Za-z0-9+/=]{16,}")
_KEY_LINE = re.compile(r"[\s\"'`#*|>+,.;:()\\rn-]*[A-Za-z0-9+/=]{16,}[\s\"'`+,;()\\rn]*\n?")
_MAX_KEY_CHARS = 20_000
_MIN_KEY_CHARS = 40  # less is code that speaks of keys


def _without_private_keys(text: str, removed: Counter[str]) -> str:
    parts, at = [], 0
    for begin in _KEY_BEGIN.finditer(text):
        if begin.start() < at:
            continue
        end = _key_end(text, begin.end())
        if sum(map(len, _KEY_RUN.findall(text, begin.end(), end))) < _MIN_KEY_CHARS:
            continue
        parts += [text[at : begin.start()], _mark("private key")]
        removed["private key"] += 1
        at = end
    return "".join(parts) + text[at:]


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


# Tokens that their prefix gives away


def _token(pattern: str) -> re.Pattern[str]:
    """Starts where a word does, so that no place is tried twice."""
    return re.compile(rf"(?<![A-Za-z0-9_-])(?:{pattern})")


_TOKENS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("AWS key", _token(r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])")),
    ("GitHub token", _token(r"gh[opsur]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}")),
    ("GitLab token", _token(r"gl(?:pat|dt|ptt|rt|oas|ft|cbt|agent|soat|imt|ffct)-[A-Za-z0-9_.-]{18,300}")),
    ("Slack token", _token(r"xox[abcdeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,300}|xapp-\d-[A-Za-z0-9-]{10,300}")),
    ("Slack webhook", re.compile(r"hooks\.slack\.com/(?:services|workflows)/(?P<secret>[A-Za-z0-9_/-]{20,200})")),
    ("Stripe key", _token(r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,255}|whsec_[A-Za-z0-9+/=]{24,255}")),
    ("Anthropic key", _token(r"sk-ant-[A-Za-z0-9_-]{16,300}")),
    ("OpenAI key", _token(r"sk-(?:proj|svcacct|admin|None|or-v1)-[A-Za-z0-9_-]{16,300}")),
    ("OpenAI key", _token(r"sk-(?=[A-Za-z_-]{0,40}[0-9])(?=[a-z0-9_-]{0,40}[A-Z])[A-Za-z0-9_-]{20,300}")),
    ("Google key", _token(r"AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,600}|GOCSPX-[A-Za-z0-9_-]{20,60}")),
    ("access token", _token(
        r"hf_[A-Za-z0-9]{30,60}|npm_[A-Za-z0-9]{36}|pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{40,400}"
        r"|SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}|do[opr]_v1_[a-f0-9]{64}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"
        r"|dapi[a-f0-9]{32}|\d{8,10}:AA[A-Za-z0-9_-]{33}|gsk_[A-Za-z0-9]{40,60}|xai-[A-Za-z0-9]{40,100}"
        r"|hv[sbr]\.[A-Za-z0-9_-]{24,200}|SK[0-9a-f]{32}(?![0-9a-f])|AGE-SECRET-KEY-1[A-Z0-9]{50,70}"
        r"|nvapi-[A-Za-z0-9_-]{40,100}|r8_[A-Za-z0-9]{30,50}|pplx-[a-z0-9]{40,60}|dckr_pat_[A-Za-z0-9_-]{20,60}"
        r"|lin_api_[A-Za-z0-9]{30,60}|glsa_[A-Za-z0-9_]{30,60}|tgr_[A-Za-z0-9_-]{20,100}")),
    ("JSON web token", _token(r"eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,8000}(?:\.[A-Za-z0-9_-]{0,2000})?")),
)  # fmt: skip

# Values that their names give away

_NAME = (
    r"pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|apikey|access[_-]?key|account[_-]?key|private[_-]?key"
    r"|client[_-]?key|encryption[_-]?key|signing[_-]?key|master[_-]?key|auth[_-]?key|credential"
)
_NAMED_KEY = rf"(?P<name>(?:{_NAME})[\w.-]{{0,60}})"  # what stands before does not matter
_QUOTED = re.compile(
    rf"(?i){_NAMED_KEY}[\"'`]?\]?\s{{0,4}}"
    r"(?::\s{0,2}[\w.\[\] |&<>]{1,40}\s{0,2})?(?:=>|:=|==|!=|=|:)\s{0,8}\(?\s{0,8}"
    r"[bBfFrRuU]{0,2}(?P<quote>[\"'`])(?P<secret>(?:(?!(?P=quote))[^\s\\]){6,500})(?P=quote)"
)
_ELEMENT = re.compile(rf"(?i)<(?P<name>[\w.:-]{{0,40}}(?:{_NAME})[\w.-]{{0,20}})>(?P<secret>[^\s<>]{{6,500}})</")
_CONNECTION = re.compile(
    r"(?i)(?<![\w])(?P<name>password|pwd|accountkey|sharedaccesskey|sharedsecret)=(?P<secret>[^;\"'\s&<>]{6,500})"
    r"(?=[;\"'&])"
)
_URL = re.compile(
    r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s/:@\"'`<>?#]{0,100}:(?P<secret>[^\s/@\"'`<>]{3,300})@"
)
_HEADER = re.compile(r"(?i)(?<![\w-])(?:bearer|basic|token)\s{1,4}(?P<secret>[A-Za-z0-9._~+/-]{16,2000}={0,2})")
_UNQUOTED = re.compile(
    rf"(?im)^[ \t]{{0,40}}(?:-[ \t]{{1,4}})?(?:(?:export|ENV|set)[ \t]{{1,4}})?"
    rf"[\w.-]{{0,60}}?{_NAMED_KEY}"
    r"[ \t]{0,8}[=:][ \t]{0,8}(?P<secret>[^\s\"'`#][^\s\"'`]{5,500})[ \t]*\r?$"
)


def _is_secret_quoted(found: re.Match[str]) -> bool:
    return is_password(found["name"], found["secret"])


def _is_secret_unquoted(found: re.Match[str]) -> bool:
    return is_password(found["name"], found["secret"].rstrip(";,"))


def _is_secret_in_url(found: re.Match[str]) -> bool:
    return not is_placeholder(found["secret"])


def _is_secret_in_header(found: re.Match[str]) -> bool:
    return is_random(found["secret"])


_NAMED: tuple[_Rule, ...] = (
    ("authorization", _HEADER, _is_secret_in_header),
    ("password or key", _QUOTED, _is_secret_quoted),
    ("password or key", _ELEMENT, _is_secret_quoted),
    ("password or key", _CONNECTION, _is_secret_quoted),
)
_UNQUOTED_RULE: _Rule = ("password or key", _UNQUOTED, _is_secret_unquoted)

_CONFIGURATION = frozenset({
    "yml", "yaml", "ini", "cfg", "conf", "config", "env", "properties", "toml", "sh", "bash", "zsh", "fish",
    "ps1", "bat", "txt", "md", "mdx", "rst", "tf", "hcl", "example", "sample", "template", "dist", "service",
    "gradle", "xml", "plist", "sql",
})  # fmt: skip


def _is_configuration(path: str) -> bool:
    name = path.rsplit("/", 1)[-1].lower()
    return "." not in name.lstrip(".") or name.startswith(".env") or name.rpartition(".")[2] in _CONFIGURATION
