"""Pure: patches in the envelope of apply_patch, which some models are trained to write:

*** Begin Patch
*** Update File: src/a.py
@@ def f():
 context
-old
+new
*** Add File: src/b.py
+text
*** End Patch
"""

import re
from collections.abc import Sequence
from itertools import takewhile

from services.features.codegen.answers.values import AnswerFile
from services.features.codegen.paths import shown
from services.features.codegen.values import Finding

_BEGIN, _END = "*** Begin Patch", "*** End Patch"
_FILE = re.compile(r"\*\*\* (Update|Add|Delete) File:[ \t]*+(\S.{0,1500})$")
_MOVE = "*** Move to:"


def begins_envelope(line: str) -> bool:
    return line.startswith("*** ") and (line.startswith(_BEGIN) or _FILE.match(line) is not None)


def envelope_end(lines: Sequence[str], at: int) -> int | None:
    """The line after its end; None when it was cut."""
    return next((index + 1 for index in range(at, len(lines)) if lines[index].startswith(_END)), None)


def is_envelope(lines: Sequence[str]) -> bool:
    return begins_envelope(next((line for line in lines if line.strip()), ""))


def split_envelope(lines: Sequence[str]) -> tuple[list[AnswerFile], list[Finding]]:
    starts = [(at, found) for at, line in enumerate(lines) if (found := _FILE.match(line))]
    if not starts:
        return [], [Finding("", "patch", "a patch names no file: it needs a line *** Update File: path")]
    ends = [at for at, _ in starts[1:]] + [len(lines)]
    files: list[AnswerFile] = []
    findings: list[Finding] = []
    for (start, found), end in zip(starts, ends, strict=True):
        body = [*takewhile(lambda line: not line.startswith(_END), lines[start + 1 : end])]
        taken = _taken(found[1], found[2].strip().strip("`"), body)
        if isinstance(taken, Finding):
            findings.append(taken)
        else:
            files.append(taken)
    return files, findings


def _taken(word: str, path: str, body: list[str]) -> AnswerFile | Finding:
    if word == "Delete" or any(line.startswith(_MOVE) for line in body):
        return Finding(shown(path), "patch", "files cannot be renamed, copied or deleted")
    if word == "Update":
        return AnswerFile(path, "edit", patch="\n".join(body))
    while body and not body[-1].strip():
        body.pop()
    if any(line[:1] != "+" for line in body):
        return Finding(shown(path), "patch", 'a line of the new file lacks its "+"')
    return AnswerFile(path, "create", content="".join(line[1:] + "\n" for line in body))
