"""The error in a body, whatever its form: the endpoint's own sentence, and the facts that stand beside it.

Bodies come as objects, lists, strings, JSON within strings, problem+json, FastAPI's details, server-sent events, web
pages and plain text. Only members that are known to hold the endpoint's own words are read: servers repeat what they
were sent in others (`input`, `flagged_input`), and an error is booked in the clear.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared.errors.upstream.markup import is_markup, words_of
from shared.errors.upstream.waits import duration_s, reset_s

_DEEPEST, _MOST_ITEMS, _MOST_MEMBERS = 7, 20, 60
_MOST_WORDS = 8000  # characters, in which words are looked for
_NAME_CHARS = 120

# Members by their names without case, `_` and `-`: servers write errorMessage, error_message and ErrorMessage.
_SENTENCES = (
    "message", "detail", "msg", "errordescription", "errormessage", "errormsg", "statusmsg", "faultstring",
    "error", "errors", "description", "title",
)  # fmt: skip
_WITHIN = ("error", "errors", "detail", "message", "fault", "response", "baseresp")
_BESIDE = ("innererror", "details", "violations", "metadata", "promptfeedback", "cause", "raw")
_NAMES = frozenset({"type", "code", "status", "errorcode", "errortype", "reason", "blockreason", "finishreason"})
_NUMBERS = frozenset({"code", "status", "statuscode", "errorcode", "httpstatus", "httpcode", "rawstatuscode"})
_OF_QUOTAS = frozenset({"quotaid", "quotametric"})
_WAITS = frozenset({"retrydelay", "retryafter", "retryafterseconds", "estimatedtime", "resetsinseconds"})

_STATUS = re.compile(r"\s*([45]\d\d)(?!\d)")
_NAME = re.compile(r"[\w.:/-]+")
# How Python shows an object: LiteLLM and others put the text of an exception into their message.
_REPR = re.compile(r"[\[{(]\s?[{\[]?['\"]\w+['\"]: ")
_REPR_MESSAGE = re.compile(r"""['"](?:message|detail|msg)['"]: (?:'([^']*)'|"([^"]*)")""")


@dataclass(frozen=True, slots=True)
class UpstreamError:
    """The error in the answer of an endpoint.

    message: the endpoint's own sentence; empty when it has none. names: what it calls the error, most telling last.
    texts: all sentences that it says, in which words are looked for. status: the HTTP status that it names.
    wait_s: how long it asks to wait. too_long: its numbers say that the prompt is longer than its context.
    about_model: it says that the member `model` of the request is wrong. is_page: it is a web page.
    """

    message: str = ""
    names: tuple[str, ...] = ()
    texts: str = field(default="", repr=False)
    status: int | None = None
    wait_s: float | None = None
    too_long: bool = False
    about_model: bool = False
    is_page: bool = False

    @property
    def words(self) -> str:
        """The texts and the names."""
        return " ".join((self.texts, *self.names))

    @classmethod
    def parse(cls, body: bytes) -> "UpstreamError":
        text = _event_data(body.removeprefix(b"\xef\xbb\xbf")).decode("utf-8", "replace").strip()
        seen = _Seen()
        try:
            parsed: Any = orjson.loads(text.encode("utf-8", "replace"))
        except orjson.JSONDecodeError:
            parsed = text
        message = seen.sentence(parsed, 0)
        texts = " ".join(dict.fromkeys(seen.texts))[:_MOST_WORDS]
        names = tuple(dict.fromkeys(seen.names))
        return cls(message, names, texts, seen.status, seen.wait_s, seen.too_long, seen.about_model, seen.is_page)


class _Seen:
    """What is found on the way through one body."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.texts: list[str] = []
        self.status: int | None = None
        self.wait_s: float | None = None
        self.too_long = self.about_model = self.is_page = False

    def sentence(self, value: Any, depth: int) -> str:
        """Of a JSON value; notes the facts in it. Empty when there is none."""
        if depth > _DEEPEST:
            return ""
        if isinstance(value, str):
            return self._of_text(value, depth)
        if isinstance(value, list):
            found = (self.sentence(item, depth + 1) for item in value[:_MOST_ITEMS])
            return "; ".join(dict.fromkeys(filter(None, found)))
        return self._of_object(value, depth) if isinstance(value, dict) else ""

    def _of_object(self, value: dict[str, Any], depth: int) -> str:
        members = {_plain_name(name): member for name, member in list(value.items())[:_MOST_MEMBERS]}
        self._note(members)
        said = {name: self.sentence(members[name], depth + 1) for name in _WITHIN if _may_say(members, name)}
        beside = {name: self.sentence(members[name], depth + 1) for name in _BESIDE if _may_say(members, name)}
        for name in _SENTENCES:
            if name not in said and isinstance(members.get(name), str):
                said[name] = self._of_text(members[name], depth)
        main = _first(said, members)
        if (place := _place(members)) and main:
            main = f"{place}: {main}"
        behind = beside.get("metadata")  # OpenRouter's, of the provider behind it
        if main and behind and behind not in main:
            return f"{main}: {behind}"
        return main or next(filter(None, beside.values()), "")

    def _note(self, members: dict[str, Any]) -> None:
        for name, value in members.items():
            if name in _NAMES:
                self._note_name(value)
            if name in _NUMBERS and self.status is None:
                self.status = _status(value)
            if name in _OF_QUOTAS and isinstance(value, str):
                self.texts.append(value[:_NAME_CHARS])
            if name in _WAITS and self.wait_s is None:
                self.wait_s = duration_s(value)
            elif name == "retryafterms" and isinstance(value, int | float) and self.wait_s is None:
                self.wait_s = max(0.0, value / 1000)
        if isinstance(error := members.get("error"), str) and _NAME.fullmatch(error[:_NAME_CHARS]):
            self._note_name(error)
        if isinstance(headers := members.get("headers"), dict) and self.wait_s is None:  # of who is behind OpenRouter
            self.wait_s = reset_s({str(name).lower(): str(value) for name, value in headers.items()})
        asked, most = members.get("nprompttokens"), members.get("nctx")
        self.too_long |= isinstance(asked, int) and isinstance(most, int) and asked >= most > 0
        self.about_model |= members.get("param") == "model"

    def _note_name(self, value: Any) -> None:
        if isinstance(value, str) and value.strip() and value != "error":
            self.names.append(" ".join(value[:_NAME_CHARS].split()))

    def _of_text(self, text: str, depth: int) -> str:
        if is_markup(text, whole=depth == 0):
            self.is_page = True
            words = words_of(text)
            self.texts.append(words)
            return words
        if "{" in text:
            for inner in _objects_in(text):
                if said := self.sentence(inner, depth + 1):
                    self.texts.append(_one_line(text))
                    return said
        line = _one_line(text)
        self.texts.append(line)
        return _without_repr(line)


def _may_say(members: dict[str, Any], name: str) -> bool:
    return isinstance(members.get(name), dict | list | str) and bool(members[name])


def _first(said: dict[str, str], members: dict[str, Any]) -> str:
    """An `error` that is an object says more than what stands beside it; one that is a word or a title says less."""
    if said.get("error") and not isinstance(members.get("error"), str):
        return said["error"]
    return next((said[name] for name in (*_SENTENCES, *_WITHIN) if said.get(name)), "")


def _place(members: dict[str, Any]) -> str:
    """FastAPI lists what is wrong and repeats the input with it; the place and the reason are enough."""
    place = members.get("loc")
    if not isinstance(place, list) or not isinstance(members.get("msg"), str):
        return ""
    return ".".join(str(part) for part in place[:_MOST_ITEMS] if isinstance(part, str | int))


def _status(value: Any) -> int | None:
    if isinstance(value, str):
        found = _STATUS.match(value)
        return int(found[1]) if found else None
    whole = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if whole and 400 <= value < 600 else None


def _plain_name(name: str) -> str:
    return name[:_NAME_CHARS].lower().replace("_", "").replace("-", "")


def _objects_in(text: str) -> Iterator[Any]:
    """The JSON in a text, as it is, and as Python shows bytes."""
    json = text[text.find("{") : text.rfind("}") + 1]
    for written in dict.fromkeys((json, json.replace("\\n", "\n").replace('\\"', '"'))):
        try:
            yield orjson.loads(written.encode("utf-8", "replace"))
        except orjson.JSONDecodeError:
            continue


def _without_repr(line: str) -> str:
    shown = _REPR.search(line)
    if shown is None:
        return line
    before, inner = line[: shown.start()].rstrip(" -:"), _REPR_MESSAGE.search(line, shown.start())
    said = (inner[1] or inner[2] or "") if inner else ""
    return ": ".join(filter(None, (before, said)))


def _event_data(body: bytes) -> bytes:
    """Of an error that came as a server-sent event, its data; else the body."""
    if not body.lstrip().startswith((b"data:", b"event:", b"id:")):
        return body
    lines = [line.removeprefix(b"data:").strip() for line in body.splitlines() if line.startswith(b"data:")]
    return next((line for line in lines if line and line != b"[DONE]"), b"")


def _one_line(text: str) -> str:
    """Not cut: half a secret could not be recognized any more by those who redact the text."""
    return " ".join(text.split())
