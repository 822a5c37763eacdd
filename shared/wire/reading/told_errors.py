"""Errors that came with a 200: failures dressed as successes, in every form in which endpoints say them.

An answer may hold what nobody counts as an error (`error: null`, `code: 0`), so an answer that is there counts more
than all signs but a plain `error`. Of the rest of an answer nothing is kept: errors are booked in the clear.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

import orjson

from shared.wire.reading.usage import NO_USAGE, Usage, usage_in
from shared.wire.reading.values import list_or_empty, object_or_empty

_Object = Mapping[str, Any]

_ANSWERS = ("choices", "content", "data", "results", "embeddings", "output")
_WORDS = ("message", "detail", "msg", "error_msg", "error_message", "errorMessage", "error_description", "Message",
          "status_msg", "title")  # fmt: skip
_CODES = ("code", "status_code", "statusCode", "error_code", "status")
_TYPES = ("type", "error_type", "errorType", "__type", "object")
_NAMED_FAILURES = frozenset({"error", "failed", "fail", "failure"})
_NO_FAILURES = frozenset({"", "0", "200", "null", "none", "false", "ok", "success", "succeeded"})
# Answers in forms that we do not read: their words may be the model's.
_NOT_WORDS = frozenset({"response", "text", "answer", "completion", "generated_text", "result", "candidates"})

# Why a choice ended that did not come to its end: OpenRouter; DeepSeek; Zhipu; vLLM and SGLang.
_FAILED_ENDS: dict[str, int] = {"error": 500, "insufficient_system_resource": 503, "network_error": 502, "abort": 500}
# MiniMax counts its errors from 1000.
_MINIMAX: dict[int, int | str] = {
    1001: 504, 1002: 429, 1004: 401, 1008: 402, 1026: "content_filter", 1027: "content_filter",
    1039: 429, 1041: 429, 2013: 400, 2049: 401,
}  # fmt: skip
_MOST_LISTED = 5
_MOST_TEXT = 2000
_PAGE_TITLE = re.compile(rb"<(title|h1)[^>]{0,200}>([^<]{1,300})", re.IGNORECASE)
_MARKUP = re.compile(rb"\s{0,1000}<(!doctype|html|head|body|\?xml)", re.IGNORECASE)
_STATUS = re.compile(r"\b([45]\d\d)\b")
_PHRASES = {status.phrase.lower(): int(status) for status in HTTPStatus if status >= 400}
_SHORT_TEXT = 300
_OF_JSON = re.compile(rb"[{}\[\]\"]|data:")
_FAILURE_WORDS = re.compile(
    r"\b(?:error|fail\w*|denied|forbidden|unauthorized|too many|limit|time[sd]? ?out|unavailable|overload\w*|upstream"
    r"|bad gateway|quota|exceeded|maintenance)\b",
    re.IGNORECASE,
)


class ErrorInAnswerError(Exception):
    """An endpoint answered 200 and told an error. body: JSON of the error alone, to be classified. usage: what the
    answer says that it took."""

    def __init__(self, body: bytes, usage: Usage = NO_USAGE) -> None:
        super().__init__("the answer holds an error")
        self.body = body
        self.usage = usage


def check_for_error(body: Any, *, is_event: bool = False) -> None:
    """Of a whole answer or an event of a stream, parsed, in any wire format. Raises ErrorInAnswerError.

    is_event: other ones may be the answer, and words alone are no error.
    """
    if isinstance(body, list):
        body = object_or_empty(next(iter(body), None))  # Gemini lists its one error
    if not isinstance(body, dict):
        return
    error = _error_beside_answer(body) if _has_answer(body) else _error_without_answer(body, is_event=is_event)
    if error is not None:
        raise ErrorInAnswerError(_written(error), usage_in(body))


def error_of_choice(choice: _Object) -> bytes | None:
    """The error that a choice holds, or ended with, to be classified."""
    error = choice.get("error")
    reason = choice.get("finish_reason")
    named = object_or_empty(reason)
    failed_as = named.get("type") if named else reason
    status = _FAILED_ENDS.get(failed_as) if isinstance(failed_as, str) else None
    if not _says_something(error) and status is None:
        return None
    if isinstance(error, dict):
        return _written(error)
    native = choice.get("native_finish_reason")
    because = f" ({native})" if isinstance(native, str) and native and native != failed_as else ""
    words = error if isinstance(error, str) and error else _first(named, _WORDS)
    words = words or f"a choice ended with the finish_reason `{failed_as}`{because}"
    return _written({"message": words, "code": _code(named) or status})


def error_in_text(answer: bytes) -> ErrorInAnswerError | None:
    """Of a body that is no JSON: a page or a line of a proxy that names a status. None for everything else."""
    words = words_of_page(answer)
    if words is None:
        return None
    found = _STATUS.search(words)
    status = int(found[1]) if found else next((code for phrase, code in _PHRASES.items() if phrase in words.lower()), 0)
    return ErrorInAnswerError(_written({"message": words, "code": status})) if status else None


def words_alone(told: bytes) -> bytes:
    """Of what is told as an error and is no JSON; nothing of a part of an answer."""
    return _written({} if len(told) > _MOST_TEXT or _OF_JSON.search(told) else {"message": _line(told)})


def words_of_page(answer: bytes) -> str | None:
    """The title of a page, or a short text that tells of a failure. None for what may be the words of a model."""
    if _MARKUP.match(answer):
        found = _PAGE_TITLE.search(answer[: 64 * 1024])
        return _line(found[2]) if found else "a page without a title"
    if len(answer) > _SHORT_TEXT or _OF_JSON.search(answer):  # a part of an answer, perhaps
        return None
    line = _line(answer)
    return line if _FAILURE_WORDS.search(line) else None


def _has_answer(body: _Object) -> bool:
    """A list of nothing but empty choices is none."""
    for name in _ANSWERS:
        if name == "choices":
            if any(map(_is_said, list_or_empty(body.get(name))[:_MOST_LISTED])):
                return True
        elif isinstance(body.get(name), list) and body[name]:
            return True
    return False


def _is_said(choice: Any) -> bool:
    if not isinstance(choice, dict):
        return False
    message = choice.get("message")
    said = message.values() if isinstance(message, dict) else ()
    names = ("finish_reason", "text", "delta")
    return any(choice.get(name) for name in names) or any(value and value != "assistant" for value in said)


def _error_beside_answer(body: _Object) -> Any:
    return body["error"] if _says_something(body.get("error")) else None


def _error_without_answer(body: _Object, *, is_event: bool) -> Any:
    if _says_something(body.get("error")):
        return body["error"] if isinstance(body["error"], dict) else _named(body, _both(body))
    if _says_something(body.get("errors")):
        return _first_of(body, body["errors"])
    if (told := _told_by_minimax(object_or_empty(body.get("base_resp")))) is not None:
        return told
    blocked = object_or_empty(body.get("promptFeedback") or body.get("prompt_feedback"))
    if reason := blocked.get("blockReason") or blocked.get("block_reason"):
        return {"message": f"the prompt was blocked: {reason}", "code": "content_filter"}
    words = _first(body, _WORDS)
    says_so = _is_named_failure(body) or _code(body) is not None
    if says_so or (words and not is_event and not _NOT_WORDS & body.keys()):
        return _named(body, words)
    return None


def _first_of(body: _Object, errors: Any) -> Any:
    """The first of several errors, with the words of more."""
    listed = list(errors.values()) if isinstance(errors, dict) else errors
    listed = listed[:_MOST_LISTED] if isinstance(listed, list) else [listed]
    words = "; ".join(filter(None, map(_words, listed)))
    first = next((item for item in listed if isinstance(item, dict)), {})
    return _named({**body, **first}, words)


def _told_by_minimax(told: _Object) -> _Object | None:
    code = told.get("status_code")
    if not isinstance(code, int) or code == 0:
        return None
    return {"message": told.get("status_msg"), "code": _MINIMAX.get(code, 500)}


def _is_named_failure(body: _Object) -> bool:
    named = (body.get(name) for name in ("object", "type", "status"))
    said_no = any(body.get(name) is False for name in ("success", "ok"))
    return said_no or any(isinstance(name, str) and name.lower() in _NAMED_FAILURES for name in named)


def _named(body: _Object, words: str | None) -> _Object:
    """An error whose parts lie beside each other in the body."""
    kind = next((name for name in _strings(body, _TYPES) if name.lower() not in _NAMED_FAILURES), None)
    code = _code(body)
    told = {"message": words, "type": kind, "code": next(_strings(body, ("code",)), None) if code is None else code}
    return {name: value for name, value in told.items() if value}


def _code(body: _Object) -> int | None:
    """The first number that can be the status of a failure."""
    for name in _CODES:
        code = body.get(name)
        if isinstance(code, str) and code.isascii() and code.isdecimal():
            code = int(code[:4])
        if isinstance(code, int) and HTTPStatus.BAD_REQUEST <= code < 600:
            return code
    return None


def _words(error: Any) -> str:
    if isinstance(error, list):
        return "; ".join(filter(None, map(_words, error[:_MOST_LISTED])))
    if isinstance(error, dict):
        return _first(error, _WORDS) or ""
    return error if isinstance(error, str) else ""


def _first(holder: _Object, names: Iterable[str]) -> str | None:
    """FastAPI lists what is wrong under `detail`."""
    for name in names:
        value = holder.get(name)
        if isinstance(value, list):
            value = "; ".join(filter(None, (_words(item) for item in value[:_MOST_LISTED])))
        if isinstance(value, str) and value:
            return value[:_MOST_TEXT]
    return None


def _strings(holder: _Object, names: Iterable[str]) -> Iterator[str]:
    return (value[:200] for name in names if isinstance(value := holder.get(name), str) and value)


def _both(body: _Object) -> str:
    """The words of an error that is no object, and those beside it."""
    words = dict.fromkeys((_words(body["error"]), _first(body, _WORDS) or ""))
    return ": ".join(filter(None, words))


def _says_something(error: Any) -> bool:
    """Whether it is more than a word for no error."""
    if isinstance(error, dict):
        words = _words(error)
        return _is_failure(words) if words else any(map(_is_failure, error.values()))
    if isinstance(error, list):
        return any(map(_says_something, error[:_MOST_LISTED]))
    return _is_failure(error)


def _is_failure(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _NO_FAILURES
    return bool(value) and value != HTTPStatus.OK


def _written(error: Any) -> bytes:
    body = error if isinstance(error, dict) else {"message": _words(error) or None}
    try:
        return orjson.dumps({"error": body})
    except TypeError:  # nested too deeply
        return orjson.dumps({"error": _named(object_or_empty(error), _words(error))})


def _line(words: bytes) -> str:
    return " ".join(words.decode("utf-8", "replace").split())
