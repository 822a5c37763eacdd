"""Pure: marks that stand for what a model did not want to repeat. Written as they are, they would delete it."""

import re
from collections.abc import Iterator

from services.features.codegen.languages import language_of

_LONGEST_LINE = 200
_COMMENT = r"[ \t]*+(?://|#|/\*|<!--|--|\{/\*|;|%|\*|\(\*)[ \t]*+"
_PARTS = (
    r"code|file|class|function|methods?|module|contents?|implementations?|imports?|tests?|lines?|page|document|script"
    r"|definitions?|fields?|routes?|section|configuration|config|logic|body|styles?"
)
_KEPT = r"unchanged|unmodified|the same|same as (?:before|above)|as (?:is|before|above)|omitted|goes here"
_END = r"[\s:.)\]>*/}=-]*$"
_LEFT_OUT = re.compile(
    rf"{_COMMENT}[-=*(\[< \t]*(?:"
    # "# ... existing code", "// … the rest stays the same"
    r"(?:\.{3}|…)[^\n]{0,80}\b(?:rest|existing|remaining|unchanged|same|omitted|previous|other)\b"
    # "# rest of the file unchanged", "// (the rest of your code)"
    rf"|(?:the )?(?:rest|remainder) of [^\n]{{0,60}}(?:\b(?:{_KEPT})\b|\.{{3}}|…)"
    rf"|(?:the )?(?:rest|remainder) of (?:\w{{1,40}} ){{0,3}}(?:{_PARTS}){_END}"
    # "# existing methods remain unchanged", "// other imports ...", "# existing code here"
    rf"|(?:all )?(?:the )?(?:existing|other|remaining|previous) (?:{_PARTS})\b"
    rf"(?:[^\n]{{0,40}}(?:\b(?:{_KEPT})\b|\.{{3}}|…)| (?:goes )?here{_END})"
    # "# unchanged"
    rf"|(?:(?:{_PARTS}) )?(?:unchanged|omitted(?: for brevity)?|same as before){_END}"
    r")",
    re.IGNORECASE,
)
_DOTS = re.compile(rf"(?:{_COMMENT}|[ \t]*+)(?:\[?\.{{3}}\]?|…)[ \t]*+(?:\*/|-->)?[ \t]*+$")
_WITH_DOTS = frozenset({"yaml"})  # whose documents end so
_WITH_BODIES_OF_DOTS = frozenset({"python"})


def left_out_at(path: str, before: str | None, after: str, *, is_whole: bool) -> int | None:
    """The line (from 1) of the first such mark that was not there before. is_whole: the text was given whole; then dots
    alone in a line stand for lines, too."""
    language = language_of(path)
    had = frozenset((before or "").split("\n")) if before else frozenset()
    may_be_dots = is_whole and before is not None and language not in _WITH_DOTS
    above = ""
    for number, line in _short_lines(after):
        if line.strip() and line not in had:
            if _LEFT_OUT.match(line):
                return number
            if may_be_dots and _DOTS.match(line) and not (language in _WITH_BODIES_OF_DOTS and _is_body(line, above)):
                return number
        above = line if line.strip() else above
    return None


def _short_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        yield number, line if len(line) <= _LONGEST_LINE else ""


def _is_body(line: str, above: str) -> bool:
    """Of a function that has none: dots further in than the line above, which opens a block, or below its docstring."""
    return line.startswith((" ", "\t")) and (
        above.rstrip().endswith((":", '"""')) or above.lstrip().startswith(("#", "@"))
    )
