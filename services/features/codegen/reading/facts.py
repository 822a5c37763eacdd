"""Pure: what a repository is, by looking at it."""

import re
from collections import Counter
from collections.abc import Mapping

from services.features.codegen.languages import NOT_CODE, language_of
from services.features.codegen.paths import shown
from services.features.codegen.reading.conventions import conventions
from services.features.codegen.reading.manifests import frameworks, named_test_frameworks
from services.features.codegen.reading.tests_by_name import is_test
from services.features.codegen.values import Facts, Repository

_TOP_FOLDERS = 20
_TEST_FOLDERS = 10
_SHOWN_LANGUAGES = 3
_UNITTEST = re.compile(r"^[ \t]*(?:import unittest|from unittest import)", re.MULTILINE)
_PYTEST = re.compile(r"^[ \t]*import pytest\b|@pytest\.", re.MULTILINE)
_NODE_TEST = re.compile(r"[\"']node:test[\"']")
_BUILT_IN = {"go": "go test", "rust": "cargo test", "elixir": "ExUnit", "zig": "zig test"}


def make_facts(repository: Repository) -> Facts:
    files = repository.files
    tests = [path for path in files if is_test(path)]
    languages = _languages(files)
    return Facts(
        languages=languages,
        frameworks=frameworks(files),
        layout=_layout(files),
        conventions=conventions(files),
        test_framework=_test_framework(files, tests, languages),
        test_paths=_test_paths(tests),
    )


def _languages(files: Mapping[str, str]) -> dict[str, int]:
    counted = Counter(language for path in files if (language := language_of(path)))
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _layout(files: Mapping[str, str]) -> tuple[str, ...]:
    """Top folders, the largest first, with what they hold."""
    folders: dict[str, list[str]] = {}
    for path in files:
        folders.setdefault(path.split("/", 1)[0] + "/" if "/" in path else "", []).append(path)
    most = sorted(folders.items(), key=lambda item: (item[0] != "", -len(item[1]), item[0]))
    lines = [_folder(name, paths) for name, paths in most[: _TOP_FOLDERS + 1]]
    beyond = len(most) - len(lines)
    return (*lines, f"and {beyond} more folders") if beyond > 0 else tuple(lines)


def _folder(name: str, paths: list[str]) -> str:
    number = f"{len(paths)} file{'s' if len(paths) > 1 else ''}"
    if not name:
        names = ", ".join(shown(path) for path in sorted(paths)[:_TOP_FOLDERS])
        return f"(root): {number}: {names}{', …' if len(paths) > _TOP_FOLDERS else ''}"
    counted = Counter(language_of(path) or "other" for path in paths)
    most = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN_LANGUAGES]
    return f"{shown(name)}: {number}: " + ", ".join(f"{times} {language}" for language, times in most)


def _test_framework(files: Mapping[str, str], tests: list[str], languages: Mapping[str, int]) -> str | None:
    """What the manifests name; otherwise what the tests use; otherwise what the language brings along."""
    named = named_test_frameworks(files)
    if named:
        return named[0]
    texts = [files[path] for path in sorted(tests)[:50]]
    for name, pattern in (("pytest", _PYTEST), ("unittest", _UNITTEST), ("node:test", _NODE_TEST)):
        if any(pattern.search(text) for text in texts):
            return name
    if any(path.endswith("conftest.py") for path in tests):
        return "pytest"
    main = next((language for language in languages if language not in NOT_CODE), "")
    return _BUILT_IN.get(main)


def _test_paths(tests: list[str]) -> tuple[str, ...]:
    """Folders that hold tests, those that hold most first."""
    counted = Counter(shown(path.rpartition("/")[0] or ".") for path in tests)
    return tuple(folder for folder, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:_TEST_FOLDERS])
