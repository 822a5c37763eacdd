"""Pure: the repository as it would be after a draft, for questions about paths."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.features.values import Draft, Repository


@dataclass(frozen=True, slots=True)
class Tree:
    """texts: what is known. files: every path, also of files that were not read. folders: every folder of them.
    python_folders: those that hold Python, at any depth: with or without __init__.py they can be imported."""

    texts: Mapping[str, str]
    files: frozenset[str]
    folders: frozenset[str]
    python_folders: frozenset[str]

    def named(self, *names: str) -> list[str]:
        """Paths of the files that are named so, in any folder, the shortest first."""
        return sorted(
            (path for path in self.texts if path.rsplit("/", 1)[-1] in names), key=lambda path: (len(path), path)
        )


def tree_after(draft: Draft, repository: Repository) -> Tree:
    texts = {**repository.files, **{file.path: file.content for file in draft.files}}
    files = frozenset(texts) | frozenset(repository.left_out)
    python = [path for path in files if path.endswith((".py", ".pyi"))]
    return Tree(texts, files, _folders(files), _folders(python))


def _folders(paths: Iterable[str]) -> frozenset[str]:
    return frozenset(folder for path in paths for folder in folders_of(path))


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
