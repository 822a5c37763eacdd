"""Pure: the repository as it would be after a draft, for questions about paths."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.features.codegen.values import Draft, Repository


@dataclass(frozen=True, slots=True)
class Tree:
    """texts: what is known. files: every path, also of files that were not read. ordered, python: all of them and
    those of Python, sorted. Folders are looked up in these: a list of all of them may be far larger than the paths."""

    texts: Mapping[str, str]
    files: frozenset[str]
    ordered: Sequence[str]
    python: Sequence[str]

    def has_folder(self, folder: str) -> bool:
        return _is_above(folder, self.ordered)

    def holds_python(self, folder: str) -> bool:
        """At any depth: with or without __init__.py it can be imported."""
        return _is_above(folder, self.python)

    def named(self, *names: str) -> list[str]:
        """Paths of the files that are named so, in any folder, the shortest first."""
        return sorted(
            (path for path in self.texts if path.rsplit("/", 1)[-1] in names), key=lambda path: (len(path), path)
        )


def tree_after(draft: Draft, repository: Repository) -> Tree:
    texts = {**repository.files, **{file.path: file.content for file in draft.files}}
    files = frozenset(texts) | frozenset(repository.left_out)
    ordered = sorted(files)
    return Tree(texts, files, ordered, [path for path in ordered if path.endswith((".py", ".pyi"))])


def _is_above(folder: str, ordered: Sequence[str]) -> bool:
    start = f"{folder}/" if folder else ""
    at = bisect_left(ordered, start)
    return at < len(ordered) and ordered[at].startswith(start)


def folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def folders_of(path: str) -> list[str]:
    """Its folders, the innermost first, the root as ""."""
    folders: list[str] = []
    while path:
        path = folder_of(path)
        folders.append(path)
    return folders


def joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name


def resolved(folder: str, relative: str) -> str | None:
    """A path as ./a or ../b from a folder; None when it leaves the repository."""
    parts = folder.split("/") if folder else []
    for name in relative.split("/"):
        if name == "..":
            if not parts:
                return None
            parts.pop()
        elif name not in ("", "."):
            parts.append(name)
    return "/".join(parts)
