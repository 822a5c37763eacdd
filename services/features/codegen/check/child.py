"""Reads the syntax of files in a process of its own: a grammar that meets hostile text may crash (YAML's does, on
100,000 dashes) or not end (Rust's, on 60,000 times `r#"`). One JSON object {"reader", "text"} a line comes in,
one goes out.

It is started by its path and imports nothing of ours, so that it starts fast.
"""

import ast
import json
import re
import resource
import sys
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml
from tree_sitter import Node, TreeCursor
from tree_sitter_language_pack import get_parser

MEMORY_BYTES = 2 * 1024**3
MAX_NODES = 200_000  # walked of one file
MAX_ERRORS = 5
MAX_IMPORTS = 2_000
MAX_CHILDREN = 10_000
SHOWN = 60

_FUNCTIONS = frozenset({
    "function_definition", "function_declaration", "generator_function_declaration", "method_declaration",
    "method_definition", "function_item", "arrow_function", "function_expression", "constructor_declaration", "method",
    "singleton_method", "func_literal", "local_function_statement", "function",
})  # fmt: skip
_IMPORTING = frozenset({
    "import_statement", "export_statement", "call_expression", "import_spec", "use_declaration", "mod_item",
})  # fmt: skip
_PAIRS = {"(": ")", "[": "]", "{": "}"}
# Syntax that is newer than this Python may be; then the grammar has the last word.
_NEWER_NODES = frozenset({"type_alias_statement", "type_parameter"})
# What is never closed is kept as well, for the parser to refuse: else every quote in it would be tried again.
_STRING = r'("(?:[^"\\\n]|\\.)*+"?+)'
_COMMENT = re.compile(_STRING + r"|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/|(\Z))")
_CLOSING_COMMA = re.compile(_STRING + r"|,(?=\s*+[\]}])")
_QUOTED = re.compile(r"""["'`](.*)["'`]""", re.DOTALL)

Report = dict[str, Any]


def read(reader: str, text: str) -> Report:
    if reader in ("json", "jsonc", "toml", "yaml"):
        return {"errors": _exact_errors(reader, text)}
    if reader == "h":
        reports = (_grammar_report(language, text) for language in ("c", "cpp"))
        return min(reports, key=lambda report: int(report["error_count"]))
    report = _grammar_report(reader, text)
    if reader == "python":
        _add_python(report, text)
    return report


def _exact_errors(reader: str, text: str) -> list[tuple[int, str]]:
    try:
        if reader == "json":
            json.loads(text)
        elif reader == "jsonc":
            json.loads(_CLOSING_COMMA.sub(_kept, _COMMENT.sub(_kept, text)))
        elif reader == "toml":
            tomllib.loads(text)
        else:
            for _ in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
                pass
    except yaml.MarkedYAMLError as error:
        templated = "{{" in text or "{%" in text
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return [] if templated else [(line, f"{error.problem or error.context}")]
    except json.JSONDecodeError as error:
        return [(error.lineno, error.msg)]
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        found = re.search(r"line (\d+)", str(error))
        return [(int(found[1]) if found else 1, str(error)[:200] or type(error).__name__)]
    return []


def _kept(found: re.Match[str]) -> str:
    """A string as it is; of what is taken out, its lines, so that errors have the right ones."""
    if found[1] is not None or found[found.re.groups] is not None:  # a string, or a comment that is not closed
        return found[0]
    return " " + "\n" * found[0].count("\n")


def _grammar_report(reader: str, text: str) -> Report:
    tree = get_parser(reader).parse(text.encode(errors="replace"))  # type: ignore[arg-type]  # from our own table
    report: Report = {"errors": [], "error_count": 0, "imports": [], "largest_function": 0, "newer": False}
    broken = tree.root_node.has_error
    brackets: Counter[str] = Counter()
    for count, node in enumerate(_nodes(tree.walk())):
        if count == MAX_NODES:
            brackets.clear()
            break
        if broken and (node.is_error or node.is_missing):
            _add_error(node, report)
        if broken and not (node.is_named or node.is_missing or node.child_count):
            brackets.update(node.type)  # also of tokens such as "${" or "[["
        _look_at(node, node.type, reader, report)
    report["unclosed"] = any(brackets[opened] > brackets[closing] for opened, closing in _PAIRS.items())
    return report


def _nodes(cursor: TreeCursor) -> Iterator[Node]:
    while (node := cursor.node) is not None:
        yield node
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def _add_error(node: Node, report: Report) -> None:
    report["error_count"] += 1
    if len(report["errors"]) < MAX_ERRORS:
        report["errors"].append(_wrong(node))


def _look_at(node: Node, kind: str, reader: str, report: Report) -> None:
    if kind in _FUNCTIONS and node.is_named:
        lines = node.end_point.row - node.start_point.row + 1
        report["largest_function"] = max(report["largest_function"], lines)
    elif kind in _NEWER_NODES:
        report["newer"] = True
    elif kind in _IMPORTING and len(report["imports"]) < MAX_IMPORTS and (spec := _import(node, reader)):
        report["imports"].append({"line": node.start_point.row + 1, "module": spec})


def _wrong(node: Node) -> tuple[int, str]:
    if node.is_missing:
        return node.start_point.row + 1, f"{node.type!r} is missing"
    opened = _unclosed(node)
    if opened is not None:
        return opened.start_point.row + 1, f"this {opened.type} is not closed: {_words(_line(node, opened))!r}"
    return node.start_point.row + 1, f"cannot be read: {_words(_text(node))!r}"


def _unclosed(node: Node) -> Node | None:
    """The innermost bracket that an error opens and does not close: such an error begins long before its cause."""
    opened: list[Node] = []
    for child in node.children[:MAX_CHILDREN]:
        if child.type in _PAIRS:
            opened.append(child)
        elif opened and child.type == _PAIRS[opened[-1].type]:
            opened.pop()
    return opened[-1] if opened else None


def _line(node: Node, part: Node) -> str:
    """The text of a node in the line of a part of it."""
    lines = _text(node).split("\n")
    return lines[part.start_point.row - node.start_point.row]


def _words(text: str) -> str:
    return " ".join(text[: 4 * SHOWN].split())[:SHOWN]


def _import(node: Node, reader: str) -> str | None:
    if reader in ("javascript", "typescript", "tsx"):
        return _javascript_import(node)
    if reader == "go" and node.type == "import_spec":
        path = node.child_by_field_name("path")
        return _unquoted(_text(path)) if path else None
    if reader == "rust" and node.type == "use_declaration":
        argument = node.child_by_field_name("argument")
        return f"use {_text(argument)}" if argument else None
    if reader == "rust" and node.type == "mod_item":
        name = node.child_by_field_name("name")
        inline = node.child_by_field_name("body") is not None
        return f"{'inline' if inline else 'mod'} {_text(name)}" if name else None
    return None


def _javascript_import(node: Node) -> str | None:
    if node.type in ("import_statement", "export_statement"):
        source = node.child_by_field_name("source")
        return _unquoted(_text(source)) if source else None
    if node.type != "call_expression":
        return None
    function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    if function is None or arguments is None or _text(function) not in ("require", "import"):
        return None
    first = arguments.named_children[0] if arguments.named_children else None
    return _unquoted(_text(first)) if first is not None and first.type == "string" else None


def _text(node: Node) -> str:
    return (node.text or b"").decode(errors="replace")


def _unquoted(text: str) -> str:
    found = _QUOTED.fullmatch(text)
    return found[1] if found else text


def _add_python(report: Report, text: str) -> None:
    """Python's own words for its errors, and its imports with their names. Compiled, and not run, it also says what a
    grammar allows: a `return` outside of a function. No file is named, for it would quote one of that name here."""
    parsed = False
    try:
        tree = ast.parse(text)
        parsed = True
        compile(text, "<text>", "exec", dont_inherit=True)
    except SyntaxError as error:
        newer = report["newer"] or error.msg.startswith("f-string")
        if parsed or report["errors"] or not newer:
            report["errors"] = [(error.lineno or 1, _python_words(error))]
            report["error_count"] = max(1, report["error_count"])
    except (ValueError, RecursionError, MemoryError) as error:
        report["errors"] = [(1, f"Python cannot read it: {error or type(error).__name__}")]
        report["error_count"] = max(1, report["error_count"])
    else:
        # Python reads it, so the grammar, which is older than this Python, is wrong.
        report |= {"errors": [], "error_count": 0, "imports": list(_python_imports(tree))[:MAX_IMPORTS]}


def _python_words(error: SyntaxError) -> str:
    line = " ".join((error.text or "").split())[:SHOWN]
    return f"{error.msg}: {line!r}" if line else error.msg


def _python_imports(tree: ast.Module) -> Iterator[Report]:
    todo: list[tuple[ast.AST, bool]] = [(tree, False)]
    while todo:
        node, guarded = todo.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _row(node, alias.name, 0, [], guarded)
        elif isinstance(node, ast.ImportFrom):
            yield _row(node, node.module or "", node.level, [alias.name for alias in node.names], guarded)
        for child in ast.iter_child_nodes(node):
            in_body = isinstance(node, ast.Try) and child in node.body and _catches_imports(node)
            handler = isinstance(child, ast.ExceptHandler)
            todo.append((child, guarded or in_body or handler))


def _catches_imports(node: ast.Try) -> bool:
    caught = " ".join(ast.dump(handler.type) for handler in node.handlers if handler.type)
    return any(name in caught for name in ("ImportError", "ModuleNotFoundError")) or any(
        handler.type is None for handler in node.handlers
    )


def _row(node: ast.stmt, module: str, level: int, names: list[str], guarded: bool) -> Report:
    return {"line": node.lineno, "module": module, "level": level, "names": names, "guarded": guarded}


def main() -> None:
    warnings.simplefilter("ignore")  # of the code that is read
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        job = json.loads(line)
        report = read(job["reader"], job["text"])
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
