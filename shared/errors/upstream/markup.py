"""The words of a web page that came instead of an error: its title, or else what a reader would see."""

import html
import re

_PAGE = re.compile(r"<(?:!doctype|html|head|body)\b", re.IGNORECASE)
_TAG = re.compile(r"\s*<[a-z!?]", re.IGNORECASE)
_NOT_SHOWN = frozenset({"script", "style", "svg", "template", "noscript"})
_TAG_NAME = re.compile(r"/?[a-z0-9]*")


def is_markup(text: str, *, whole: bool) -> bool:
    """whole: the text is a body of its own, and no sentence within JSON, which may begin with a tag that it names."""
    return _PAGE.search(text) is not None or (whole and _TAG.match(text) is not None)


def words_of(page: str) -> str:
    """Cut into tags by hand: one pass, whatever the page."""
    shown: list[str] = [page[: page.find("<")]] if "<" in page else [page]
    titled: list[str] = []
    hidden_by, in_title = "", False
    for piece in page.split("<")[1:]:
        tag, closed, text = piece.partition(">")
        name = _TAG_NAME.match(tag.lower())[0]  # type: ignore[index] # it matches the empty text
        if hidden_by:
            if name != "/" + hidden_by:
                continue
            hidden_by = ""
        elif name in _NOT_SHOWN:
            hidden_by = name
            continue
        in_title = name == "title" or (in_title and name != "/title")
        if closed and not tag.startswith("!"):
            (titled if in_title else shown).append(text)
    title = _plain(titled)
    return title or _plain(shown)


def _plain(pieces: list[str]) -> str:
    return " ".join(html.unescape(" ".join(pieces)).split())
