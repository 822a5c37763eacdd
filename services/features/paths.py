"""Pure: whether a path that a model wrote may be written to at all, and in what spelling.

A path is refused rather than mended wherever two systems could read it differently: what is refused costs one more
question to the model, what is misread may land outside the repository.
"""

import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from services.features.values import Constraints, Finding

MAX_PATH_BYTES = 1024
MAX_NAME_BYTES = 255  # what ext4, APFS and NTFS hold
SHOWN_CHARACTERS = 120

_DEVICES = frozenset({"con", "prn", "aux", "nul", "conin$", "conout$"}) | {
    f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"
}
_GIT_NAMES = frozenset({".git", "git~1"})
_SEPARATORS = frozenset('/\\:<>"|?*')
_ENCODED = ("%2e", "%2f", "%5c", "%00")


class Taken(NamedTuple):
    """The paths that exist. folders: every folder of them. spelled: both, by their spelling without case."""

    files: frozenset[str]
    folders: frozenset[str]
    spelled: dict[str, str]


def taken(paths: Iterable[str]) -> Taken:
    files = frozenset(paths)
    folders = frozenset(folder for path in files for folder in _folders(path))
    return Taken(files, folders, {_folded(path): path for path in (*folders, *files)})


def safe_path(path: str) -> str | Finding:
    """The path as it is to be written, relative to the repository's root, with "/" and in NFC; or why it is refused."""
    reason = _unreadable(path)
    if reason:
        return _refused(path, reason)
    plain = unicodedata.normalize("NFC", path.strip(" ")).replace("\\", "/")
    if plain.startswith(("/", "~")):
        return _refused(path, "is not relative to the repository's root")
    names = [name for name in plain.split("/") if name not in ("", ".")]
    if not names or plain.endswith(("/", "/.")):
        return _refused(path, "names no file")
    reason = next(filter(None, map(_bad_name, names)), None)
    return _refused(path, reason) if reason else "/".join(names)


def collision(path: str, existing: Taken) -> Finding | None:
    """A safe path that would be one with another on a file system without case, or that runs through a file."""
    if path in existing.files:
        return None
    if path in existing.folders:
        return _refused(path, "is a folder")
    for part in (*_folders(path), path):
        if part in existing.files:
            return _refused(path, f"runs through the file {shown(part)}")
        other = existing.spelled.get(_folded(part), part)
        if other != part and part not in existing.folders:
            return _refused(path, f"differs from the existing {shown(other)} only by case or spelling")
    return None


def allowed(path: str, constraints: Constraints) -> bool:
    """Whether a safe path may be written. Patterns are read from the root; ** stands for any folders, a pattern with
    no / for a name in any folder, and one without wildcards also for all that lies below it."""
    return not constraints.paths or any(_matches(path, pattern) for pattern in constraints.paths)


def shown(path: str) -> str:
    """A path for people and models: on one line, with nothing that hides or turns text, and not long."""
    printable = path if path.isprintable() else ascii(path)[1:-1]
    return printable if len(printable) <= SHOWN_CHARACTERS else printable[:SHOWN_CHARACTERS] + "…"


def _refused(path: str, reason: str) -> Finding:
    return Finding(shown(path), "path", f"the path {reason}")


def _folders(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _unreadable(path: str) -> str | None:
    if not path.strip():
        return "is empty"
    if len(path) > MAX_PATH_BYTES:
        return f"is longer than {MAX_PATH_BYTES} bytes"
    if any(_hidden(character) for character in path):
        return "holds a control, invisible or direction-turning character"
    if len(path.encode()) > MAX_PATH_BYTES:
        return f"is longer than {MAX_PATH_BYTES} bytes"
    if any(code in path.lower() for code in _ENCODED):
        return "holds percent-encoded dots or separators"
    return None


def _hidden(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "C" or category in ("Zl", "Zp") or (category == "Zs" and character != " ")


def _bad_name(name: str) -> str | None:
    plain = unicodedata.normalize("NFKC", name)  # full-width dots and slashes look like the plain ones
    lower = plain.casefold()
    if plain == ".." or set(plain) == {"."}:
        return "leaves the repository (..)"
    if _SEPARATORS & set(plain):
        return "holds a drive letter, a separator or a character that file systems reserve"
    if lower.rstrip(". ") in _GIT_NAMES:
        return "lies in .git"
    if lower.split(".")[0].rstrip() in _DEVICES:
        return f"holds the reserved name {shown(name)}"
    if name != name.strip(" ") or name.endswith("."):
        return "holds a name that begins or ends with a space, or ends with a dot"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"holds a name longer than {MAX_NAME_BYTES} bytes"
    return None


def _matches(path: str, pattern: str) -> bool:
    plain = pattern.strip().removeprefix("./").removeprefix("/")
    if not plain:
        return False
    if not set("*?[") & set(plain):
        folder = plain.rstrip("/")
        return path == plain or path.startswith(folder + "/")
    if plain.endswith("/"):
        plain += "**"
    if "/" not in plain and plain != "**":
        return fnmatchcase(path.rsplit("/", 1)[-1], plain)
    return _match_parts(path.split("/"), plain.split("/"))


def _match_parts(names: list[str], patterns: list[str]) -> bool:
    """By a table, so that many ** cost no more than names times patterns. reach[i]: the first i names are matched."""
    reach = [True] + [False] * len(names)
    for pattern in patterns:
        if pattern == "**":
            first = reach.index(True) if True in reach else len(reach)
            reach = [index >= first for index in range(len(reach))]
        else:
            reach = [False] + [
                before and fnmatchcase(name, pattern) for before, name in zip(reach, names, strict=False)
            ]
    return reach[-1]
