"""Content of a chat message as blocks of Anthropic's. What has no translation is refused: leaving it out would ask
something else."""

import base64
import binascii
from typing import Any

from shared.wire.chat_by_messages.asked import Object, member, objects, text_of
from shared.wire.chat_by_messages.chat_fields import CHAT
from shared.wire.requests import UntranslatableError

# Blocks of Anthropic's own form that callers of the chat form may send, too: they pass as they are.
_OWN = frozenset(
    {"container_upload", "document", "image", "redacted_thinking", "search_result", "server_tool_use", "thinking"}
)
_OWN_ENDING = "_tool_result"
# By how they begin in base64.
_PICTURES = {
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "iVBORw0KGgo": "image/png",
}
_PDF = "application/pdf"
_PDF_BEGINS = base64.b64encode(b"%PDF")[:5].decode()  # the sixth character depends on what follows


def blocks_of(content: Any, at: str) -> list[Object]:
    """Of a message's content, without empty text, which the endpoint refuses."""
    if content is None:
        return []
    if isinstance(content, str):
        return text_blocks(content)
    if not isinstance(content, list):
        raise UntranslatableError(at, "must be a string or a list of parts")
    blocks = [_block(part, where) for part, where in objects(content, at)]
    return [block for block in blocks if block["type"] != "text" or not is_blank(block.get("text"))]


def text_blocks(text: str) -> list[Object]:
    return [] if is_blank(text) else [{"type": "text", "text": text}]


def only_text(content: Any, at: str) -> list[Object]:
    """As `blocks_of`, where nothing but text may stand."""
    for part, where in objects(content, at) if isinstance(content, list) else ():
        if part.get("type", "text") not in ("text", "refusal"):
            raise _unsayable(where)
    return blocks_of(content, at)


def cached(blocks: list[Object], cache_control: Any) -> list[Object]:
    """With the breakpoint of a whole message at its last block."""
    if cache_control is None or not blocks:
        return blocks
    return [*blocks[:-1], {**blocks[-1], "cache_control": cache_control}]


def is_blank(text: Any) -> bool:
    return isinstance(text, str) and not text.strip()


def _block(part: Object, at: str) -> Object:
    kind = part.get("type", "text")
    if isinstance(kind, str) and (kind in _OWN or kind.endswith(_OWN_ENDING)):
        return part
    if not isinstance(kind, str) or kind not in _BLOCKS:
        raise _unsayable(at)
    kept = CHAT.same("part", part, at)
    if "prompt_cache_breakpoint" in part:
        kept["cache_control"] = _breakpoint(part, at)
    return kept | _BLOCKS[kind](part, at)


def _unsayable(at: str) -> UntranslatableError:
    return UntranslatableError(f"{at}.type", "is a kind of content that cannot be sent in this place")


def _breakpoint(part: Object, at: str) -> Object:
    """OpenAI keeps what it marks for 30 minutes at least."""
    breakpoint_ = member(part, "prompt_cache_breakpoint", at)
    CHAT.same("prompt_cache_breakpoint", breakpoint_, f"{at}.prompt_cache_breakpoint")
    if breakpoint_.get("ttl") not in (None, "30m"):
        raise UntranslatableError(f"{at}.prompt_cache_breakpoint.ttl", "is longer than an Anthropic endpoint caches")
    return {"type": "ephemeral", "ttl": "1h"}


def _text(part: Object, at: str) -> Object:
    return {"type": "text", "text": text_of(part, "text", at)}


def _refusal(part: Object, at: str) -> Object:
    return {"type": "text", "text": text_of(part, "refusal", at)}


def _image(part: Object, at: str) -> Object:
    image, at = member(part, "image_url", at), f"{at}.image_url"
    CHAT.same("image_url", image, at)
    url = text_of(image, "url", at)
    if not url.startswith("data:"):
        return {"type": "image", "source": {"type": "url", "url": url}}
    media_type, data = _data_url(url, f"{at}.url")
    told = image.get("format")
    return {"type": "image", "source": _picture(told if isinstance(told, str) else media_type, data)}


def _picture(media_type: str, data: str) -> Object:
    """The endpoint compares the type with the data, where OpenAI goes by the data."""
    known = (kind for begins, kind in _PICTURES.items() if data.startswith(begins))
    return _base64(next(known, media_type.replace("image/jpg", "image/jpeg")), data)


def _file(part: Object, at: str) -> Object:
    file, at = member(part, "file", at), f"{at}.file"
    CHAT.same("file", file, at)
    given = text_of(file, "file_data", at)
    media_type, data = _data_url(given, f"{at}.file_data") if given.startswith("data:") else (_sniffed(given), given)
    if media_type.startswith("image/"):
        return {"type": "image", "source": _picture(media_type, data)}
    titled = {"title": file["filename"]} if file.get("filename") else {}
    return {"type": "document", "source": _document(media_type, data, f"{at}.file_data"), **titled}


def _document(media_type: str, data: str, at: str) -> Object:
    if media_type == _PDF:
        return _base64(_PDF, data)
    if not media_type.startswith("text/"):
        raise UntranslatableError(at, "is neither a PDF nor text nor an image")
    try:
        text = base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise UntranslatableError(at, "is no text in base64") from None
    return {"type": "text", "media_type": "text/plain", "data": text}


def _sniffed(data: str) -> str:
    """Base64 without a word on what it is: a PDF is known by its first bytes."""
    return _PDF if data.startswith(_PDF_BEGINS) else ""


def _data_url(url: str, at: str) -> tuple[str, str]:
    """Media type and base64."""
    described, found, data = url.removeprefix("data:").partition(";base64,")
    if not found:
        raise UntranslatableError(at, "is a data: URL without base64")
    return described.partition(";")[0].lower(), "".join(data.split()) if "\n" in data else data


def _base64(media_type: str, data: str) -> Object:
    return {"type": "base64", "media_type": media_type, "data": data}


_BLOCKS = {"text": _text, "refusal": _refusal, "image_url": _image, "file": _file}
