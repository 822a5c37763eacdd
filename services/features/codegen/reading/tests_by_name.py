"""Pure: which files are tests, by their names, and what they test."""

import re

_TEST_NAME = re.compile(
    r"test_.+\.py|.+_test\.(?:py|go|rb|exs|c|cc|cpp|dart)|.+[._-](?:test|spec)\.[cm]?[jt]sx?|.+_spec\.rb"
    r"|.+Tests?\.(?:java|kt|cs|php|swift|scala)|Test[A-Z].*\.(?:java|kt|cs|php)|conftest\.py|tests?\.(?:py|rs|[cm]?[jt]sx?)"
)
_TEST_FOLDERS = frozenset({"test", "tests", "__tests__", "spec", "specs", "e2e"})
_MARKS = re.compile(r"^(?:test_|tests?[._-])|(?:[._-](?:test|spec)s?|(?<=[a-z0-9])Tests?)$|^Test(?=[A-Z])")


def is_test(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return _TEST_NAME.fullmatch(name) is not None or (
        is_beside_tests(path) and name.endswith((".rs", ".js", ".mjs", ".ts", ".go"))
    )


def is_beside_tests(path: str) -> bool:
    """Whether it lies in a folder of tests: what helps them is no part of the product either."""
    return not _TEST_FOLDERS.isdisjoint(path.split("/")[:-1])


def subject_of(path: str) -> str:
    """The name, in lower case and without suffixes, of what a test is about: `test_auth.py` -> auth."""
    name = path.rsplit("/", 1)[-1]
    stem = name.rpartition(".")[0] or name
    return _MARKS.sub("", stem).lower()


def name_of(path: str) -> str:
    """The name of a file as `subject_of` would call it."""
    name = path.rsplit("/", 1)[-1]
    return (name.rpartition(".")[0] or name).lower()
