"""Pure: how the files of a language are read, and what is looked at in them."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from services.features.codegen.languages import language_of

_GRAMMARS = {
    "python", "javascript", "typescript", "go", "rust", "java", "kotlin", "scala", "swift", "c", "cpp", "csharp",
    "ruby", "php", "lua", "dart", "elixir", "haskell", "css", "scss", "hcl",
}  # fmt: skip
EXACT = frozenset({"json", "toml", "yaml"})  # read by the parser that their users have, not by a grammar
# Also read by other parsers, or by grammars that have kept up with them. Of the rest, a grammar may be what is wrong.
STRICT = EXACT | {"python", "javascript", "typescript", "go", "rust"}
WITH_IMPORTS = frozenset({"python", "javascript", "typescript", "go", "rust"})
# Files named .json in which their tools allow comments and closing commas.
_COMMENTED_JSON = ("tsconfig", "jsconfig", "devcontainer", ".eslintrc", ".swcrc", "tslint")
_COMMENT = re.compile(r"^[ \t]*+(?://|/\*)", re.MULTILINE)  # no line of plain JSON begins so


def reader_of(path: str, files: Mapping[str, str] | None = None) -> str | None:
    """What reads the syntax of a file: "json", "jsonc" (with comments), "toml", "yaml", "h" (C or C++) or a grammar's
    name; None when nothing does. files: of the repository, for how it writes its JSON."""
    language = language_of(path)
    if language == "json" and _is_commented(path, files or {}):
        return "jsonc"
    if language in EXACT:
        return language
    if path.endswith((".tsx", ".jsx")):
        return "tsx"
    if path.lower().endswith(".h"):
        return "h"
    if language == "shell":
        return "bash"
    return language if language in _GRAMMARS else None


def has_tests_beside(path: str) -> bool:
    """Whether a file is code that one would expect a test for."""
    return language_of(path) in _GRAMMARS - {"css", "scss", "hcl"}


def _is_commented(path: str, files: Mapping[str, str]) -> bool:
    """By its name, or because a file of the repository with that name or in that folder has comments."""
    pure = PurePosixPath(path)
    if ".vscode" in pure.parts or pure.name.startswith(_COMMENTED_JSON):
        return True
    alike = (other for other in files if other.endswith(".json") and _is_alike(PurePosixPath(other), pure))
    return any(_COMMENT.search(files[other]) for other in alike)


def _is_alike(path: PurePosixPath, other: PurePosixPath) -> bool:
    return path.name == other.name or path.parent == other.parent
