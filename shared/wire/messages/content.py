"""Blocks of Anthropic's messages as messages and parts of OpenAI's chat form."""

import hashlib
from typing import Any

from shared.wire.chat_by_messages.asked import Object, member, objects, text_of
from shared.wire.messages.message_fields import MESSAGES
from shared.wire.messages.words import SIGNATURE
from shared.wire.requests import UntranslatableError, written

_MAX_ID = 40  # characters that OpenAI takes
_MEDIA = ("image", "document", "search_result", "text")
_BETWEEN = "\n\n"  # texts of one turn
_SEEN_APART = "(Its images and documents are in the next message.)"


def system_text(content: Any, at: str) -> str:
    if isinstance(content, str):
        return content
    return _BETWEEN.join(text for text in (_text(block, where) for block, where in _blocks(content, at)) if text)


def of_user(content: Any, at: str) -> list[Object]:
    """The messages of a user's turn: results of tools, then what the user says."""
    if isinstance(content, str):
        return [{"role": "user", "content": content}]
    results: list[Object] = []
    shown: list[Object] = []
    said: list[Object] = []
    for block, where in _blocks(content, at):
        if block["type"] == "tool_result":
            result, media = _result(block, where)
            results.append(result)
            shown += media
        else:
            said += _parts(block, where)
    parts = [*shown, *said]
    return [*results, {"role": "user", "content": _content(parts)}] if parts or not results else results


def of_assistant(content: Any, at: str) -> Object:
    if isinstance(content, str):
        return {"role": "assistant", "content": content}
    texts: list[str] = []
    calls: list[Object] = []
    thoughts: list[str] = []
    for block, where in _blocks(content, at):
        match block["type"]:
            case "text":
                texts.append(_text(block, where))
            case "tool_use":
                calls.append(_call(block, where))
            case "thinking":
                MESSAGES.same("thinking", block, where)
                if block.get("signature") == SIGNATURE:
                    thoughts.append(text_of(block, "thinking", where))
            case "redacted_thinking":
                pass
            case _:
                raise UntranslatableError(
                    f"{where}.type", "is a kind of content that an assistant's turn does not have"
                )
    text = _BETWEEN.join(filter(None, texts))
    message: Object = {"role": "assistant", "content": text or (None if calls else "")}
    if calls:
        message["tool_calls"] = calls
        if thoughts:  # models that think between their calls lose the thread without them
            message["reasoning_content"] = "".join(thoughts)
    return message


def _blocks(content: Any, at: str) -> list[tuple[Object, str]]:
    if isinstance(content, str):
        return [({"type": "text", "text": content}, at)]
    if content is not None and not isinstance(content, list):
        raise UntranslatableError(at, "must be a string or a list of blocks")
    blocks = objects(content, at)
    for block, where in blocks:
        MESSAGES.same("content", {text_of(block, "type", where): True}, where)
    return blocks


def _text(block: Object, at: str) -> str:
    MESSAGES.same("text", block, at)
    return text_of(block, "text", at)


def _content(parts: list[Object]) -> str | list[Object]:
    """Some servers take nothing but a text where there is nothing but text."""
    if all(part["type"] == "text" for part in parts):
        return _BETWEEN.join(part["text"] for part in parts if part["text"])
    return parts


def _parts(block: Object, at: str) -> list[Object]:
    kind = block["type"]
    if kind not in _MEDIA:
        raise UntranslatableError(f"{at}.type", "is a kind of content that cannot be sent in this place")
    if kind == "text":
        return [_text_part(_text(block, at))]
    MESSAGES.same(kind, block, at)
    if kind == "image":
        return [_image(member(block, "source", at), f"{at}.source")]
    return _document(block, at) if kind == "document" else [_search_result(block, at)]


def _text_part(text: str) -> Object:
    return {"type": "text", "text": text}


def _image(source: Object, at: str) -> Object:
    match source.get("type"):
        case "base64":
            url = f"data:{text_of(source, 'media_type', at)};base64,{text_of(source, 'data', at)}"
        case "url":
            url = text_of(source, "url", at)
        case _:
            raise UntranslatableError(f"{at}.type", "must be base64 or url for a chat endpoint")
    return {"type": "image_url", "image_url": {"url": url}}


def _document(block: Object, at: str) -> list[Object]:
    title, context = (block.get(name) and text_of(block, name, at) for name in ("title", "context"))
    before = [_text_part(text) for text in (context,) if text]
    source, where = member(block, "source", at), f"{at}.source"
    match source.get("type"):
        case "base64":
            data = f"data:{text_of(source, 'media_type', where)};base64,{text_of(source, 'data', where)}"
            return [*before, {"type": "file", "file": {"filename": title or "document.pdf", "file_data": data}}]
        case "text":
            text = text_of(source, "data", where)
            return [*before, _text_part(f"{title}{_BETWEEN}{text}" if title else text)]
        case "content":
            inner = [
                part
                for each, place in _blocks(source.get("content"), f"{where}.content")
                for part in _parts(each, place)
            ]
            return [*before, *([_text_part(title)] if title else []), *inner]
    raise UntranslatableError(f"{where}.type", "must be base64, text or content for a chat endpoint")


def _search_result(block: Object, at: str) -> Object:
    texts = [_text(part, where) for part, where in _blocks(block.get("content"), f"{at}.content")]
    return _text_part(_BETWEEN.join((text_of(block, "title", at), text_of(block, "source", at), *texts)))


def _result(block: Object, at: str) -> tuple[Object, list[Object]]:
    """The message of a tool's result, and what of it such a message cannot hold."""
    MESSAGES.same("tool_result", block, at)
    given = text_of(block, "tool_use_id", at)
    parts = [part for each, where in _blocks(block.get("content"), f"{at}.content") for part in _parts(each, where)]
    texts = [part["text"] for part in parts if part["type"] == "text" and part["text"]]
    media = [part for part in parts if part["type"] != "text"]
    if media:
        media.insert(0, _text_part(f"Of the result of the tool call {_id(given)}:"))
        texts.append(_SEEN_APART)
    text = _BETWEEN.join(texts)
    said = f"Error: {text}" if block.get("is_error") is True else text
    return {"role": "tool", "tool_call_id": _id(given), "content": said}, media


def _call(block: Object, at: str) -> Object:
    MESSAGES.same("tool_use", block, at)
    arguments = written(block.get("input") or {}).decode()
    function = {"name": text_of(block, "name", at), "arguments": arguments}
    return {"id": _id(text_of(block, "id", at)), "type": "function", "function": function}


def _id(given: str) -> str:
    """The same for a call and its result."""
    if len(given) <= _MAX_ID:
        return given
    return f"call_{hashlib.sha256(given.encode(errors='surrogatepass')).hexdigest()[:32]}"
