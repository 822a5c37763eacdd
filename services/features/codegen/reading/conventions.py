"""Pure: how a repository is written, as far as it can be counted. What is not clear from the count is not said."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from services.features.codegen.languages import is_code, language_of
from services.features.codegen.reading.tests_by_name import is_test

_SAMPLED_FILES = 400
_SAMPLED_CHARS = 40_000  # of each
_CLEAR = 0.7  # of what was counted has to agree
_FEW = 3  # cases are no convention

_TOOLS = {
    ".editorconfig": "EditorConfig", "ruff.toml": "ruff", ".ruff.toml": "ruff", ".flake8": "flake8",
    ".pylintrc": "pylint", "mypy.ini": "mypy", ".mypy.ini": "mypy", "pyrightconfig.json": "pyright",
    ".pre-commit-config.yaml": "pre-commit", ".prettierrc": "Prettier", ".prettierrc.json": "Prettier",
    "prettier.config.js": "Prettier", ".eslintrc": "ESLint", ".eslintrc.js": "ESLint", ".eslintrc.json": "ESLint",
    ".eslintrc.cjs": "ESLint", "eslint.config.js": "ESLint", "eslint.config.mjs": "ESLint", "biome.json": "Biome",
    "tslint.json": "TSLint", ".golangci.yml": "golangci-lint", ".golangci.yaml": "golangci-lint",
    "rustfmt.toml": "rustfmt", ".rustfmt.toml": "rustfmt", "clippy.toml": "Clippy", ".rubocop.yml": "RuboCop",
    ".clang-format": "clang-format", "checkstyle.xml": "Checkstyle", "phpcs.xml": "PHP_CodeSniffer",
    ".php-cs-fixer.php": "PHP-CS-Fixer",
}  # fmt: skip
_TOML_TOOLS = re.compile(
    r"^\[tool\.(black|ruff|isort|mypy|pyright|pylint|flake8|pytest|poetry|hatch|uv|pdm)\b", re.MULTILINE
)
_JSON_TOOLS = re.compile(r"\"(prettier|eslintConfig|xo|standard|biome)\"\s{0,4}:")
_NAMING_TOOLS = {"pyproject.toml": _TOML_TOOLS, "package.json": _JSON_TOOLS}
_LINE_LENGTH = re.compile(
    r"^\s{0,8}(?:line[-_]length|max[-_]line[-_]length|max_width|printWidth)\s{0,4}[=:]\s{0,4}(\d{2,3})", re.M
)
_INDENTED = re.compile(r"^(\t+|[ ]{1,16})(?=\S)", re.MULTILINE)
_SINGLE = re.compile(r"(?<![\w'\"\\])'[^'\"\n\\]{1,80}'(?!['\"])")
_DOUBLE = re.compile(r"(?<![\w'\"\\])\"[^'\"\n\\]{1,80}\"(?!['\"])")
_PY_DEF = re.compile(r"^[ \t]{0,40}(?:async[ ]+)?def[ ]+\w+\(", re.MULTILINE)
_PY_TYPED = re.compile(r"^[ \t]{0,40}(?:async[ ]+)?def[ ]+\w+\([^#]{0,800}?\)[ ]*->[ ]*\S", re.MULTILINE)
_PY_DOCSTRING = re.compile(r":[ \t]*\n[ \t]{1,40}[rR]?\"\"\"")
_DOC_STYLES = {
    "Google": re.compile(r"^[ \t]+(?:Args|Returns|Raises|Yields):[ \t]*$", re.MULTILINE),
    "reStructuredText": re.compile(r"^[ \t]+:(?:param|returns?|raises|rtype)\b", re.MULTILINE),
    "NumPy": re.compile(r"^[ \t]+(?:Parameters|Returns|Raises)[ \t]*\n[ \t]+-{4,}", re.MULTILINE),
}
_SEMICOLON = re.compile(r";[ \t]*$", re.MULTILINE)
_STATEMENT = re.compile(r"^[ \t]*(?:const|let|var|return|import|export|throw)\b[^\n{(,]{1,200}$", re.MULTILINE)


def conventions(files: Mapping[str, str]) -> tuple[str, ...]:
    sample = {path: text[:_SAMPLED_CHARS] for path, text in _sampled(files)}
    python = [text for path, text in sample.items() if language_of(path) == "python"]
    script = [text for path, text in sample.items() if language_of(path) in ("javascript", "typescript")]
    lines = [
        _tools(files),
        _line_length(files),
        *_indentation(sample),
        _quotes("Python", python),
        _quotes("JavaScript and TypeScript", script),
        _semicolons(script),
        _typing(python),
        _docstrings(python),
        _tests(files),
    ]
    return tuple(line for line in lines if line)


def _sampled(files: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return [(path, files[path]) for path in sorted(files) if is_code(path)][:_SAMPLED_FILES]


def _near_root(files: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return ((path, files[path]) for path in sorted(files) if path.count("/") <= 1)


def _tools(files: Mapping[str, str]) -> str | None:
    found: dict[str, str] = {}
    for path, text in _near_root(files):
        name = path.rsplit("/", 1)[-1]
        if name in _TOOLS:
            found.setdefault(_TOOLS[name], path)
        for tool in _NAMING_TOOLS[name].findall(text) if name in _NAMING_TOOLS else ():
            found.setdefault(tool, path)
    named_in = ", ".join(f"{tool} ({path})" for tool, path in sorted(found.items()))
    return f"configured tools: {named_in}" if found else None


def _line_length(files: Mapping[str, str]) -> str | None:
    for path, text in _near_root(files):
        if path.endswith((".toml", ".cfg", ".ini", ".json", ".flake8", ".editorconfig", ".prettierrc")):
            found = _LINE_LENGTH.search(text)
            if found:
                return f"line length: {found[1]} ({path})"
    return None


def _indentation(sample: Mapping[str, str]) -> list[str]:
    by_language: dict[str, Counter[str]] = {}
    for path, text in sample.items():
        width = _indent_of(text)
        if width:
            by_language.setdefault(language_of(path) or "", Counter())[width] += 1
    most = sorted(by_language.items(), key=lambda item: (-item[1].total(), item[0]))[:3]
    return [line for language, counted in most if (line := _clear(f"indentation of {language}", counted, "files"))]


def _indent_of(text: str) -> str | None:
    """The unit that a file is indented by; None when it is not."""
    starts = _INDENTED.findall(text)
    tabs = sum(start[0] == "\t" for start in starts)
    if not starts:
        return None
    if tabs * 2 > len(starts):
        return "tabs"
    fours = sum(len(start) % 4 == 0 for start in starts if start[0] == " ")
    twos = sum(len(start) % 2 == 0 for start in starts if start[0] == " ")
    spaces = len(starts) - tabs
    return "4 spaces" if fours >= 0.8 * spaces else ("2 spaces" if twos >= 0.8 * spaces else None)


def _quotes(language: str, texts: list[str]) -> str | None:
    counted = Counter(
        {
            "double": sum(len(_DOUBLE.findall(text)) for text in texts),
            "single": sum(len(_SINGLE.findall(text)) for text in texts),
        }
    )
    return _clear(f"quotes in {language}", counted, "strings")


def _semicolons(texts: list[str]) -> str | None:
    counted: Counter[str] = Counter()
    for text in texts:
        for statement in _STATEMENT.findall(text):
            counted["used" if _SEMICOLON.search(statement) else "not used"] += 1
    return _clear("semicolons in JavaScript and TypeScript", counted, "statements")


def _typing(texts: list[str]) -> str | None:
    functions = sum(len(_PY_DEF.findall(text)) for text in texts)
    typed = sum(len(_PY_TYPED.findall(text)) for text in texts)
    return f"return types are annotated: {typed} of {functions} Python functions" if functions >= _FEW else None


def _docstrings(texts: list[str]) -> str | None:
    number = sum(len(_PY_DOCSTRING.findall(text)) for text in texts)
    if number < _FEW:
        return None
    styles = Counter({name: sum(len(style.findall(text)) for text in texts) for name, style in _DOC_STYLES.items()})
    name, times = styles.most_common(1)[0]
    style = f", {name} style ({times} sections)" if times >= _FEW else ", as plain prose"
    return f"docstrings: {number}{style}"


def _tests(files: Mapping[str, str]) -> str | None:
    counted = Counter(shape for path in files if is_test(path) and (shape := _test_shape(path)))
    return _clear("tests are named", counted, "files")


def _test_shape(path: str) -> str | None:
    stem, _, suffix = path.rsplit("/", 1)[-1].rpartition(".")
    if stem.startswith("test_"):
        return f"test_*.{suffix}"
    for end in ("_test", ".test", ".spec", "_spec", "-test", "Test", "Tests"):
        if stem.endswith(end):
            return f"*{end}.{suffix}"
    return None


def _clear(what: str, counted: Counter[str], of: str) -> str | None:
    """Only what most of the cases agree on."""
    total = counted.total()
    if total < (_FEW if of != "files" else 1):
        return None
    name, times = counted.most_common(1)[0]
    return f"{what}: {name} ({times} of {total} {of})" if times >= _CLEAR * total else None
