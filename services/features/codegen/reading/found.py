"""What was found in a source before it is decided what of it is read."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.features.codegen.paths import MAX_NAMES

MAX_PATH_CHARS = 1024
_GO_MODULE = re.compile(r"[^@]{1,200}@v\d[^/@]{0,80}/")


@dataclass(slots=True)
class Found:
    """files: bytes by the path that the source gives, checked by `path_refusal`. left_out: why, by `left_out_as`."""

    files: dict[str, bytes] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def path_refusal(path: str) -> str | None:
    """Why a path cannot be one inside a repository; None when it can. The path is never used to touch a disk: this
    keeps it meaning the same to whoever applies the result on theirs."""
    if not path or len(path) > MAX_PATH_CHARS:
        return "its path is empty or too long"
    if path.startswith(("/", "\\", "~")) or path[1:2] == ":":
        return "its path is absolute"
    if not path.isprintable() or "\\" in path:
        return "its path holds control characters, backslashes or is not UTF-8"
    names = path.split("/")
    if any(name in ("", ".", "..") for name in names):
        return "its path leads out of the repository or is not plain"
    if len(names) > MAX_NAMES:
        return f"its path is deeper than {MAX_NAMES} names"
    return None


def left_out_as(path: str) -> str:
    """Of a path that is too deep, the folder in which reading ends: nothing can be written below it."""
    plain = path[:MAX_PATH_CHARS]
    printable = plain if plain.isprintable() else ascii(plain)[1:-1][:MAX_PATH_CHARS]
    return "/".join(printable.split("/")[:MAX_NAMES])


def without_top_folder(found: Found) -> Found:
    """Archives are usually of one folder, whose name says nothing about the repository; those of Go's module proxy of
    several, the last with a version."""
    paths = [path for path in (*found.files, *found.left_out) if path_refusal(path) is None]
    top = _top_folder(paths)
    if top is None or not found.files:
        return found
    stripped = Found(left_out={path.removeprefix(top): why for path, why in found.left_out.items()})
    for path, data in found.files.items():
        inner = path.removeprefix(top)
        reason = path_refusal(inner)
        if reason:
            stripped.left_out[left_out_as(inner)] = reason
        else:
            stripped.files[inner] = data
    return stripped


def _top_folder(paths: Iterable[str]) -> str | None:
    modules = {found[0] if (found := _GO_MODULE.match(path)) else None for path in paths}
    tops = {path.split("/", 1)[0] + "/" if "/" in path else None for path in paths}
    common = modules if modules != {None} else tops
    return common.pop() if len(common) == 1 else None
