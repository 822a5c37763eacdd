"""Pure: where files of a kind live in a repository, and how they are written, by counting."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from services.features.codegen.reading.tests_by_name import is_beside_tests, is_test

_ASIDE_WORDS = """
    .github .venv benches benchmark benchmarks build demo dist doc docs example examples fixtures migrations
    node_modules scripts target third_party tools vendor venv
"""
_ASIDE = frozenset(_ASIDE_WORDS.split())


def sources(files: Iterable[str], suffixes: tuple[str, ...]) -> tuple[str, ...]:
    """Files with one of the suffixes that are the product itself: no tests, examples or scripts."""
    return tuple(path for path in _of_kind(files, suffixes) if not is_test(path) and not is_beside_tests(path))


def tests(files: Iterable[str], suffixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(path for path in _of_kind(files, suffixes) if is_test(path))


def _of_kind(files: Iterable[str], suffixes: tuple[str, ...]) -> Iterable[str]:
    return (path for path in sorted(files) if path.endswith(suffixes) and not _ASIDE.intersection(path.split("/")[:-1]))


def fullest_folder(paths: Iterable[str]) -> str | None:
    """The folder with the most of the files; of equals the one nearest to the root. "" is the root, None: no files."""
    counted = Counter(posixpath.dirname(path) for path in paths)
    if not counted:
        return None
    return min(counted, key=lambda folder: (-counted[folder], folder.count("/"), folder))


def declares(files: Mapping[str, str], package: str, manifest: str) -> bool:
    """Whether a package is named in a manifest (a regular expression for the file's name) or imported by a file."""
    named = re.compile(rf"(?<![\w-]){re.escape(package)}(?![\w-])")
    imported = re.compile(rf"^[ \t]*(?:import|from)\b.*(?<![\w-]){re.escape(package)}(?![\w-])", re.MULTILINE)
    return any(
        (named if re.fullmatch(manifest, posixpath.basename(path)) else imported).search(text)
        for path, text in files.items()
    )


def join(*parts: str) -> str:
    return posixpath.join(*(part for part in parts if part)) if any(parts) else ""


def indentation(texts: Iterable[str], default: str) -> str:
    """What one level is indented with in most of the texts."""
    counted = Counter(found for text in texts if (found := _first_indentation(text)) in ("\t", "  ", "    "))
    return max(counted, key=lambda unit: (counted[unit], unit == default), default=default)


def _first_indentation(text: str) -> str:
    found = re.search(r"[{:(]\s*\n([ \t]+)\S", text)
    return found[1] if found else ""


def most(texts: Iterable[str], patterns: Mapping[str, str], default: str) -> str:
    """Which of the patterns (regular expression by what it stands for) most of the texts have."""
    counted: Counter[str] = Counter()
    for text in texts:
        counted.update(kind for kind, pattern in patterns.items() if re.search(pattern, text, re.MULTILINE))
    return max(counted, key=lambda kind: (counted[kind], kind == default), default=default)
