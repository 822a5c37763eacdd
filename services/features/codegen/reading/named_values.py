"""Pure: values that their names give away. A name, what joins it to a value, and a value: files write it in many ways,
`password: x`, `DB_PASSWORD="x"`, `--api-key x`, `getenv("TOKEN", "x")`, and all of them are this one rule.
"""

import re
from collections.abc import Iterator

from services.features.codegen.reading.randomness import is_password, is_random
from services.features.codegen.reading.tokens import Place

_KIND = "password or key"
_NAME = (
    r"pass(?:word|wd|phrase)|pass(?<![a-z]pass)(?![a-z])|pwd|secret|token|credential|identified by"
    r"|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|client[_-]?key|encryption[_-]?key|signing[_-]?key"
    r"|master[_-]?key|auth[_-]?key|bearer|basic"
)
# Asked first: it is cheap.
_HINTS = ("pass", "pwd", "secret", "token", "key", "credential", "identified by", "bearer", "basic")
_SHORTEST_HINT = min(map(len, _HINTS))
_SPEAKS = re.compile(_NAME)
# Strong: what assigns. Weak: the two only stand beside each other, as in a command line, a call or SQL.
_JOINED = re.compile(
    rf"(?P<name>(?:{_NAME})[\w.-]{{0,60}}+)"  # what stands before does not matter
    r"(?:[\s,\"'`\\]{1,80}(?:default_?)?value)?+"  # {"name": "DB_PASSWORD", "value": "x"}
    r"(?:\[\w{0,10}\])?\\?[\"'`]?[\])]{0,2}"
    r"(?:(?:[: \t][ \t]{0,2}[\w.\[\] |&<>*]{1,40}(?=[ \t]=\s)[ \t]|[ \t]{0,8})"  # of a type, or none
    r"(?P<strong>=>|[:?+]=|={1,3}|!={1,2}|:-|:|\|\||\?\?|or(?=[ \t]))|(?P<weak>[ \t]{0,8},|[ \t]{1,8}))"
)
_QUOTED = re.compile(
    r"(?:\s|\\\n){0,40}(?P<call>[\w.:]{0,40}\()?\s{0,40}[@$bBfFrRuU]{0,2}(?P<quote>\"\"\"|'''|\\?[\"'`])"
    r"(?P<secret>(?:(?!(?P=quote))(?:[^\\\n]|\\.)){6,}+)(?P=quote)"
)
# Until a blank, or the next pair of a URL's query or a connection string. Not what starts as a call or a placeholder.
_BARE = re.compile(
    r"[ \t]{0,8}(?:[|>][+-]?\d?[ \t]{0,8}\r?\n[ \t]{1,40})?"
    r"(?P<secret>(?=[^#«(\[{])(?:[^\s\"'`&;,<]|[&;,](?![\w.-]{1,40}+=)|<(?!/)){6,}+)"
)
_MAX_BARE = 500  # of which it is judged; the rest is taken with it
_MAX_TRIES = 4  # of a value that has names of others in it
_UNBROKEN = re.compile(r"[^\s\"'`]*")
_ELEMENT = re.compile(
    rf"<(?P<name>[\w.:-]{{0,40}}(?:{_NAME})[\w.-]{{0,20}}+)>(?P<secret>[^\s<>]{{6,500}})</", re.IGNORECASE
)
_CLOSES = frozenset(";\"'&")  # a value inside of a string, as code has it
_HEADER = re.compile(r"[A-Za-z0-9._~+/-]{16,}={0,2}")
_AFTER = ";,)]}"
_MIN_WEAK = 12

# In these what stands unquoted after `=` is an expression; everywhere else it is a value.
_CODE = frozenset({
    "py", "pyi", "pyx", "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "vue", "svelte", "go", "rs", "java", "kt",
    "kts", "scala", "groovy", "rb", "php", "c", "h", "cc", "cpp", "cxx", "hpp", "hh", "m", "mm", "cs", "fs", "vb",
    "swift", "dart", "lua", "pl", "pm", "r", "jl", "ex", "exs", "erl", "hs", "ml", "clj", "elm", "zig", "nim", "sol",
    "css", "scss", "less", "json", "ipynb", "proto", "graphql",
})  # fmt: skip


def is_configuration(path: str) -> bool:
    _, dot, suffix = path.rsplit("/", 1)[-1].lower().rpartition(".")
    return not (dot and suffix in _CODE)


def named_values(text: str, configuration: bool) -> Iterator[Place]:
    """In their order. configuration: whether what is not quoted is a value, or else code."""
    lower = _lower(text)  # patterns that need not fold case are many times as fast
    for start, end in _parts(lower):
        done = judged = tries = 0
        for found in _JOINED.finditer(lower, start, end):
            tries = tries + 1 if found.end() < judged else 0
            if found.end() < done or tries > _MAX_TRIES:
                continue
            value = _QUOTED.match(text, found.end(), end) or _bare(text, found, end)
            if value is None:
                continue
            judged = value.end()
            if _is_secret(text, found, value, configuration):
                done = _end(text, value, end)
                yield value.start("secret"), done, _KIND


def elements(text: str) -> Iterator[Place]:
    for found in _ELEMENT.finditer(text):
        if is_password(found["name"], found["secret"]):
            yield *found.span("secret"), _KIND


def _lower(text: str) -> str:
    """As long as the text: a few letters are two in lower case."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(char.lower() if len(char.lower()) == 1 else char for char in text)


def _parts(lower: str) -> Iterator[tuple[int, int]]:
    """Lines that speak of secrets, each with the two after it, which may hold the value. Others are not looked at."""
    start = end = at = more = 0
    for line in lower.splitlines(keepends=True):
        if len(line) >= _SHORTEST_HINT and any(hint in line for hint in _HINTS) and _SPEAKS.search(line):
            if not more:
                yield start, end
                start = at
            more = 3
        at += len(line)
        if more:
            more, end = more - 1, at
    yield start, end


def _bare(text: str, found: re.Match[str], end: int) -> re.Match[str] | None:
    if found["weak"] is not None and not found["weak"].isspace():
        return None
    return _BARE.match(text, found.end(), min(end, found.end() + _MAX_BARE))


def _end(text: str, value: re.Match[str], end: int) -> int:
    if value.re is _QUOTED:
        return value.end("secret")
    rest = _UNBROKEN.match(text, value.end(), end) if value.end() - value.start() >= _MAX_BARE else None
    return rest.end() if rest else value.start("secret") + len(value["secret"].rstrip(_AFTER))


def _is_secret(text: str, found: re.Match[str], value: re.Match[str], configuration: bool) -> bool:
    if value.re is _QUOTED:
        return _is_quoted_secret(found, value)
    if configuration:
        return _is_value(found, value["secret"].rstrip(_AFTER))
    return _is_value_in_code(found, value, text[value.end() : value.end() + 1])


def _is_quoted_secret(found: re.Match[str], quoted: re.Match[str]) -> bool:
    value = quoted["secret"]
    if found["weak"] is not None or quoted["call"] not in (None, "("):
        return len(value) >= _MIN_WEAK and is_random(value) and is_password(found["name"], value)
    return is_password(found["name"], value)


def _is_value(found: re.Match[str], value: str) -> bool:
    if found["weak"] is not None:
        return len(value) >= _MIN_WEAK and is_random(value)
    return is_password(found["name"], value)


def _is_value_in_code(found: re.Match[str], bare: re.Match[str], close: str) -> bool:
    """Code itself has names and calls there. Inside of strings there are commands, headers, queries, connections:
    `--password x`, `Bearer x`, `?key=x`, `Password=x;`."""
    value = bare["secret"]
    if found["weak"] is not None:
        return _HEADER.fullmatch(value) is not None and is_random(value)
    if found["strong"] != "=" or bare.start() != bare.start("secret") or not is_password(found["name"], value):
        return False
    return close in _CLOSES or (close.isspace() and len(value) >= _MIN_WEAK and is_random(value))
