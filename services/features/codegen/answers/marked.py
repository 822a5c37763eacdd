"""Pure: the answer as people write it: path markers and fenced blocks, <file> tags, diffs, headings of sections.

Walks once over the lines, and never back, so that its time is linear in the text.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.features.codegen.answers.diffs import begins_diff, diff_end, is_diff, split_diff
from services.features.codegen.answers.envelopes import begins_envelope, envelope_end, is_envelope, split_envelope
from services.features.codegen.answers.markers import (
    MAX_MARKER,
    Fence,
    Marker,
    closes,
    comment_of,
    fence_of,
    info_marker,
    is_console,
    marker_of,
    tag_of,
)
from services.features.codegen.answers.replacements import begins_edit, edits_end, ends_edit, holds_edits, split_edits
from services.features.codegen.answers.values import Answer, AnswerFile
from services.features.codegen.languages import is_code
from services.features.codegen.paths import shown
from services.features.codegen.values import Finding

MAX_PROSE_LINES = 3  # that may stand between a path and its block
MAX_ITEMS = 50
_NOT_WHOLE = "a fence follows its end, so that it may not be whole; put a longer fence around a text that holds fences"
MAX_LINES = 40_000  # that are read; what is longer is no answer, and takes more than a second

_SECTION = re.compile(
    r"[#*\s]*+(summary|integration instructions?|next steps?|estimated impact)[*\s]*+(?::[*\s]*+(.*))?$", re.IGNORECASE
)
_BULLET = re.compile(r"^\s*+(?:[-*+]|\d{1,3}[.)])\s++")
_BEGINNINGS = frozenset("<`~-d*")  # of tags, fences, diffs; most lines have none, and are passed by quickly
_SECTION_BEGINNINGS = frozenset("sine")
_ADVICE = ("integration instruction", "next step")  # sections that show what others may write
_OF_DIFFS = (".diff", ".patch")


class Block(NamedTuple):
    """Lines that may be a file. language: as the fence says. is_bare: a fence that says nothing at all. is_advice: it
    shows what others may write."""

    marker: Marker | None
    language: str
    lines: Sequence[str]
    complete: bool = True
    is_bare: bool = False
    is_advice: bool = False


class Note(NamedTuple):
    """A line of prose under a heading of a section."""

    section: str
    text: str


def read_marked(text: str) -> Answer:
    files: list[AnswerFile] = []
    findings: list[Finding] = []
    notes: dict[str, list[str]] = {}
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > MAX_LINES:
        findings.append(Finding("", "size", f"the answer has more than {MAX_LINES} lines; the rest was not read"))
        lines = lines[:MAX_LINES]
    open_ended: AnswerFile | None = None  # the last file, while what follows may be the rest of it
    for part in _parts(lines):
        if isinstance(part, Note):
            notes.setdefault(part.section, []).append(part.text)
            continue
        if part.is_bare and open_ended is not None:
            # The fence that closed the file may as well have opened a block within it.
            files.remove(open_ended)
            findings.append(Finding(shown(open_ended.path), "format", _NOT_WHOLE))
            open_ended = None
        if not part.complete:
            return _answer(files, findings, notes, cut=True, cut_path=part.marker.path if part.marker else None)
        more, wrong = _files(part)
        files += more
        findings += wrong
        open_ended = _open_ended(more) if part.marker else open_ended
    return _answer(files, findings, notes)


def _open_ended(files: Sequence[AnswerFile]) -> AnswerFile | None:
    """A text may hold fences, and nothing else says whether it is whole: code that is cut does not parse."""
    last = files[-1] if files else None
    return None if last is None or last.content is None or is_code(last.path) else last


def _answer(
    files: list[AnswerFile],
    findings: list[Finding],
    notes: dict[str, list[str]],
    cut: bool = False,
    cut_path: str | None = None,
) -> Answer:
    return Answer(
        files=tuple(files),
        cut=cut,
        cut_path=cut_path,
        summary="\n".join(notes.get("summary", ())[:MAX_ITEMS]),
        integration_instructions=tuple(notes.get("integration instruction", ())[:MAX_ITEMS]),
        next_steps=tuple(notes.get("next step", ())[:MAX_ITEMS]),
        estimated_impact="\n".join(notes.get("estimated impact", ())[:MAX_ITEMS]),
        findings=tuple(findings),
    )


def _parts(lines: list[str]) -> Iterator[Block | Note]:
    at = 0
    prose = Prose()
    while at < len(lines):
        found = _block(lines, at, prose)
        if found is None:
            prose = _read_prose(prose, lines[at], _is_above_block(lines, at))
            at += 1
            if prose.note:
                yield prose.note
            continue
        block, at = found
        if block is not None:
            is_advice = block.marker is None and prose.gives_advice
            prose = Prose(section=prose.section) if is_advice else Prose()
            yield block._replace(is_advice=is_advice, is_bare=block.is_bare and not is_advice)


class Prose(NamedTuple):
    """What the lines since the last block have said: a path (how many lines ago), the section that they are in."""

    marker: Marker | None = None
    age: int = 0
    section: str | None = None
    note: Note | None = None

    @property
    def gives_advice(self) -> bool:
        return self.section in _ADVICE


def _read_prose(prose: Prose, line: str, above_block: bool) -> Prose:
    if line.lstrip("#* \t")[:1].lower() in _SECTION_BEGINNINGS and (found := _section(line)):
        section = found[1].lower().removesuffix("s")
        return Prose(section=section, note=Note(section, found[2].strip()) if found[2] else None)
    if not line.strip():
        return prose._replace(note=None)
    section = None if line.startswith("#") else prose.section
    note = Note(section, _BULLET.sub("", line, count=1).strip()) if section else None
    marker = _counted(marker_of(line, above_block), section in _ADVICE)
    if marker is not None:
        return Prose(marker, 0, section, note)
    age = prose.age + 1
    return Prose(prose.marker if age <= MAX_PROSE_LINES else None, age, section, note)


def _is_above_block(lines: list[str], at: int) -> bool:
    return at + 1 < len(lines) and (begins_edit(lines[at + 1]) or fence_of(lines[at + 1]) is not None)


def _counted(marker: Marker | None, in_advice: bool) -> Marker | None:
    """Advice names files that are there, and shows lines for them: only what says that it is a file is one."""
    return None if marker is None or (in_advice and not marker.certain) else marker


def _section(line: str) -> re.Match[str] | None:
    return _SECTION.match(line) if len(line) <= MAX_MARKER else None


def _block(lines: list[str], at: int, prose: Prose) -> tuple[Block | None, int] | None:
    """The block that begins in this line, and the line after it; no block when it only shows what to type."""
    if lines[at].lstrip()[:1] not in _BEGINNINGS:
        return None
    if tag := tag_of(lines[at]):
        return _tagged(lines, at + 1, *tag)
    if fence := fence_of(lines[at]):
        block, end = _fenced(lines, at + 1, fence, prose.marker, prose.gives_advice)
        return (None if _is_shown_only(fence, prose.marker) else block), end
    if begins_edit(lines[at]):
        closed = edits_end(lines, at)
        end = closed or len(lines)
        return Block(prose.marker, "", lines[at:end], complete=closed is not None), end
    if begins_envelope(lines[at]):
        closed = envelope_end(lines, at)
        end = closed or len(lines)
        return Block(prose.marker, "", lines[at:end], complete=closed is not None), end
    if begins_diff(lines, at):
        end = diff_end(lines, at + 1)
        return Block(prose.marker, "diff", lines[at:end]), end
    return None


def _is_shown_only(fence: Fence, pending: Marker | None) -> bool:
    """What to type in a shell, beside a file that a line names which may only speak of it."""
    named = info_marker(fence)
    return named is None and pending is not None and not pending.certain and is_console(fence, pending.path)


def _fenced(
    lines: list[str], at: int, fence: Fence, pending: Marker | None, in_advice: bool = False
) -> tuple[Block, int]:
    marker = _counted(info_marker(fence), in_advice) or pending
    end = _closing(lines, at, fence)
    body = [_outdented(line, fence.indent) for line in lines[at:end]]
    if marker is None and body and (found := _counted(comment_of(body[0]), in_advice)):
        marker, body = found, body[1:]
    is_bare = marker is None and not fence.info and not (holds_edits(body) or is_diff(body, "") or is_envelope(body))
    return Block(marker, fence.language, body, end < len(lines), is_bare), end + 1


def _closing(lines: list[str], at: int, fence: Fence) -> int:
    """A fence on the same level opens a block of its own when it names a language. Taken for text, it would be the
    other's closing fence that ends this block. In search/replace blocks, which have ends of their own, fences are
    text."""
    opened = [fence]
    index = at
    while index < len(lines):
        line = lines[index]
        if begins_edit(line):
            index = _edit_end(lines, index + 1, fence)
            continue
        if closes(line, opened[-1]):
            opened.pop()
            if not opened:
                return index
        elif (inner := fence_of(line)) and inner.info and _may_be_within(inner, opened[-1]):
            opened.append(inner)
        index += 1
    return len(lines)


def _edit_end(lines: list[str], at: int, fence: Fence) -> int:
    """The line after a search/replace block, or, of one that has no end of its own, the fence that ends it."""
    closing: int | None = None
    for index in range(at, len(lines)):
        if ends_edit(lines[index]):
            return index + 1
        if closing is not None and begins_edit(lines[index]):
            return closing
        if closing is None and closes(lines[index], fence):
            closing = index
    return len(lines) if closing is None else closing


def _may_be_within(inner: Fence, outer: Fence) -> bool:
    return inner.mark.startswith(outer.mark) and outer.may_begin_at(inner.indent)


def _outdented(line: str, indent: int) -> str:
    return line[indent:] if indent and not line[:indent].strip() else line


def _tagged(lines: list[str], at: int, marker: Marker, rest: str) -> tuple[Block, int]:
    """Up to </file>; when the content is fenced, the fence tells where it ends, so that it may hold </file> itself."""
    if "</file>" in rest:
        return Block(marker, "", [rest.partition("</file>")[0]]), at
    first = next((index for index in range(at, min(at + 3, len(lines))) if lines[index].strip()), at)
    fence = fence_of(lines[first]) if first < len(lines) and not rest.strip() else None
    if fence is not None:
        block, end = _fenced(lines, first + 1, fence, marker)
        return Block(marker, block.language, block.lines, block.complete), end
    end = next((index for index in range(at, len(lines)) if lines[index].strip().lower() == "</file>"), len(lines))
    body = ([rest] if rest.strip() else []) + lines[at:end]
    return Block(marker, "", body, end < len(lines)), end + 1


def _files(block: Block) -> tuple[list[AnswerFile], list[Finding]]:
    marker = block.marker
    if marker is not None and marker.path.endswith(_OF_DIFFS):
        return [AnswerFile(marker.path, marker.action, content=_content(block.lines))], []
    if block.is_advice and not any(line.startswith("+++ ") for line in block.lines):
        return [], []
    if is_envelope(block.lines):
        return split_envelope(block.lines)
    if is_diff(block.lines, block.language):
        return split_diff(block.lines, marker.path if marker else None)
    if holds_edits(block.lines):
        return split_edits(block.lines, marker)
    if marker is None:
        return [], []
    return [AnswerFile(marker.path, marker.action, content=_content(block.lines))], []


def _content(lines: Sequence[str]) -> str:
    return "".join(line + "\n" for line in lines)
