"""Pure: whether a path that a model wrote may be written to at all, and in what spelling.

A path is refused rather than mended wherever two systems could read it differently: what is refused costs one more
question to the model, what is misread may land outside the repository.
"""

import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from services.features.codegen.values import Constraints, Finding
from shared.repository_paths import matches_any

MAX_PATH_BYTES = 1024
MAX_NAME_BYTES = 255  # what ext4, APFS and NTFS hold
MAX_NAMES = 32  # deeper paths cost as much as their folders together, and nobody writes them
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
    names = [name for name in plain.split("/") if name not in ("", ".")]
    if plain.startswith("/") or "".join(names[:1]).startswith("~"):
        return _refused(path, "is not relative to the repository's root")
    if not names or plain.endswith(("/", "/.")):
        return _refused(path, "names no file")
    if len(names) > MAX_NAMES:
        return _refused(path, f"is deeper than {MAX_NAMES} names")
    reason = next(filter(None, map(_bad_name, names)), None)
    return _refused(path, reason) if reason else "/".join(names)


def as_spelled(path: str, existing: Taken) -> str:
    """A safe path with those of its folders that exist, and its file, in their own spelling: the same letters may be
    composed otherwise, as in archives that were made on a Mac. What differs in more than that stays as it is."""
    for part in (path, *reversed(_folders(path))):
        if part in existing.files or part in existing.folders:
            return path
        other = existing.spelled.get(_folded(part))
        if other is not None and unicodedata.normalize("NFC", other) == part:
            return other + path[len(part) :]
    return path


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
    """Whether a safe path may be written, by the patterns of shared.repository_paths."""
    return not constraints.paths or matches_any(path, constraints.paths)


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
