"""Pure: which language a file is in, by its path."""

from collections.abc import Set as AbstractSet

from shared.languages import BY_NAME, BY_SUFFIX, TEXT

# Languages that a feature is written in; the others describe and configure.
NOT_CODE = frozenset({"markdown", "rst", "json", "toml", "yaml", "xml", "ini", "latex", "go.mod"})
_WITH_C_HEADERS = frozenset({"cpp", "objc", "cuda"})


def language_of(path: str) -> str | None:
    """In lower case; None for what is not known."""
    name = path.rsplit("/", 1)[-1].lower()
    if name in BY_NAME:
        return BY_NAME[name]
    stem, dot, suffix = name.rpartition(".")
    if "dockerfile" in (stem, name.split(".")[0]):
        return "dockerfile"
    return BY_SUFFIX.get(suffix) if dot else None


def is_written_in(path: str, languages: AbstractSet[str]) -> bool:
    """Whether a file may be in one of these. A header ".h" is C by its name, and belongs to what is built on C too."""
    is_header = path.lower().endswith(".h") and not languages.isdisjoint(_WITH_C_HEADERS)
    return is_header or (language_of(path) or TEXT) in languages


def is_code(path: str) -> bool:
    language = language_of(path)
    return language is not None and language not in NOT_CODE
