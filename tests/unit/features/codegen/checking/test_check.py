import json
import time
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.features.codegen.check import (
    check,
    checked_kinds,
    go_imports,
    javascript_imports,
    python_imports,
    rust_imports,
)
from services.features.codegen.check.parsing import Source, parse_all
from services.features.codegen.check.tree import tree_after
from services.features.codegen.languages import language_of
from services.features.codegen.reading.manifests import dependencies
from services.features.codegen.report import validation
from services.features.codegen.values import Constraints, Draft, Finding, ProducedFile, Repository

PYTHON = {
    "pyproject.toml": '[project]\ndependencies = ["requests>=2", "PyYAML"]\n[dependency-groups]\ndev = ["pytest"]\n',
    "src/shop/__init__.py": "",
    "src/shop/cart.py": "import attr\n\nclass Cart: ...\n",
    "src/shop/models/__init__.py": "from .item import *\n",
    "src/shop/models/item.py": "class Item: ...\n",
    "tests/test_cart.py": "from shop.cart import Cart\n",
}
JAVASCRIPT = {
    "package.json": '{"name": "shop", "dependencies": {"react": "1", "@scope/kit": "1"},'
    ' "devDependencies": {"@types/ms": "1"}}',
    "tsconfig.json": '{ // c\n "compilerOptions": {"baseUrl": ".", "paths": {"@/*": ["src/*"]}}}',
    "src/util.ts": "export const a = 1\n",
    "src/ui/index.tsx": "import x from 'left-pad'\n",
}
GO = {"go.mod": "module example.com/shop\n\nrequire (\n\tgithub.com/a/b v1.0.0\n)\n", "cart/cart.go": "package cart\n"}
RUST = {
    "Cargo.toml": '[package]\nname = "shop"\n[dependencies]\nserde-json = "1"\n',
    "src/lib.rs": "mod cart;\npub struct Shop;\n",
    "src/cart.rs": "pub fn add() {}\n",
}


def found(files: dict[str, str], path: str, content: str, before: str | None = None) -> list[Finding]:
    draft = Draft((ProducedFile(path, language_of(path) or "text", content, before),))
    repository = Repository(files if before is None else {**files, path: before})
    return list(check(draft, repository, Constraints()))


@pytest.mark.parametrize(
    ("path", "content", "line", "words"),
    [
        ("a.py", "x = 1\ndef f(:\n    pass\n", 2, "invalid syntax"),
        ("a.py", "if x:\npass\n", 2, "expected an indented block"),
        ("a.py", "def f() -> list[int]: ...\nreturn 1\n", 2, "outside function"),
        ("a.json", '{"a": 1,}', 1, "double quotes"),
        ("a.toml", "[a]\nb = \n", 2, "Invalid value"),
        ("a.yaml", "a: 1\nb: [1\n", 3, "did not find"),
        ("a.ts", "const a = 1\nfunction f() {\n  return (1\n", 3, "not closed"),
        ("a.go", "package a\n\nfunc f( {\n}\n", 3, ""),
        ("a.rs", "fn f() -> {\n}\n", 1, ""),
        ("A.java", "class A {\n  void f( {}\n}\n", 2, ""),
    ],
)
def test_syntax_errors_with_their_line(path: str, content: str, line: int, words: str) -> None:
    findings = found({}, path, content)
    assert findings
    assert findings[0].kind == "syntax"
    assert findings[0].line == line
    assert words in findings[0].message


def test_no_file_of_the_same_name_here_is_quoted() -> None:
    findings = found({}, "services/__init__.py", "return 1\n")
    assert [one.message for one in findings] == ["'return' outside function"]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a.py", "type X[T] = list[T]\n\ndef f[T](x: T) -> T:\n    return f'{x!r}'\n"),
        ("a.tsx", "export const A = () => <div>{1}</div>\n"),
        ("tsconfig.json", "{ // comment\n}"),
        ("chart/templates/a.yaml", "{{- if .Values.x }}\na: {{ .Values.x }}\n{{- end }}\n"),
        ("a.md", "```\nunclosed ("),
        ("a.py", "x = '\\d'\n"),
    ],
)
def test_what_is_right_or_cannot_be_judged_is_no_finding(path: str, content: str) -> None:
    assert found({}, path, content) == []


def test_an_edit_is_not_blamed_for_what_was_wrong_before() -> None:
    assert found({}, "a.rs", "fn f( {\n}\nfn g() {}\n", before="fn f( {\n}\n") == []
    assert found({}, "a.rs", "fn f( {\n}\nfn g() -> {}\n", before="fn f( {\n}\n") != []


def test_at_most_five_a_file() -> None:
    assert 1 < len(found({}, "a.java", "class A { " + "void f( {} \n" * 50)) <= 5


@pytest.mark.parametrize(
    ("statement", "wrong"),
    [
        ("import os.path", ""),
        ("import requests", ""),
        ("import yaml, attr", ""),
        ("from shop.cart import Cart", ""),
        ("from .cart import Cart", ""),
        ("from . import cart", ""),
        ("from .models import Item", ""),
        ("from .models.item import Item", ""),
        ("try:\n    import ujson\nexcept ImportError:\n    ujson = None", ""),
        ("import numpy", "'numpy' is not in the repository"),
        ("from shop.basket import Basket", "'shop.basket' is no module"),
        ("from .basket import Basket", "'.basket' is no module"),
        ("from shop.cart import Basket", "has no 'Basket'"),
        ("from ....x import y", "leaves the repository"),
    ],
)
def test_python_imports(statement: str, wrong: str) -> None:
    findings = found(PYTHON, "src/shop/new.py", f"{statement}\n")
    assert bool(findings) is bool(wrong), findings
    assert not findings or (wrong in findings[0].message and findings[0].kind == "import" and findings[0].line == 1)


def test_what_was_imported_before_and_what_is_produced_resolves() -> None:
    assert found({}, "a.py", "import numpy\nx = 1\n", before="import numpy\n") == []
    draft = Draft(
        (
            ProducedFile("a.py", "python", "import b\nfrom b import f\n"),
            ProducedFile("b.py", "python", "def f(): ...\n"),
        )
    )
    assert check(draft, Repository({}), Constraints()) == ()


@pytest.mark.parametrize(
    ("files", "path", "line", "wrong"),
    [
        (JAVASCRIPT, "src/n.ts", "import { a } from './util'", ""),
        (JAVASCRIPT, "src/n.ts", "import { a } from './util.js'", ""),
        (JAVASCRIPT, "src/n.ts", "import ui from './ui'", ""),
        (JAVASCRIPT, "src/n.ts", "import { a } from '@/util'", ""),
        (
            JAVASCRIPT,
            "src/n.ts",
            "import React from 'react/jsx'; import k from '@scope/kit/x'; import ms from 'ms'",
            "",
        ),
        (JAVASCRIPT, "src/n.ts", "import fs from 'node:fs'; const p = require('path'); import l from 'left-pad'", ""),
        (JAVASCRIPT, "src/n.ts", "import { a } from './utils'", "'./utils' is no file"),
        (JAVASCRIPT, "src/n.ts", "export * from '@/nope'", "'@/nope' is no file"),
        (JAVASCRIPT, "src/n.js", "const x = require('lodash')", "'lodash' is neither"),
        (JAVASCRIPT, "src/n.js", "import x from '../../x'", "is no file"),
        (
            GO,
            "n.go",
            'package n\nimport "fmt"\nimport "net/http"\nimport "example.com/shop/cart"\nimport "github.com/a/b/c"',
            "",
        ),
        (GO, "n.go", 'package n\nimport "example.com/shop/basket"', "is no package of the module"),
        (GO, "n.go", 'package n\nimport "github.com/x/y"', "nor required by go.mod"),
        (
            RUST,
            "src/n.rs",
            "use std::fmt;\nuse fmt::Display;\nuse serde_json::{Value, json};\nuse crate::cart::add;",
            "",
        ),
        (RUST, "src/n.rs", "use crate::{cart, Shop};\nmod t { }\nuse shop::Shop;", ""),
        (RUST, "src/n.rs", "use crate::basket::Basket;", "crate::basket is neither"),
        (RUST, "src/n.rs", "use tokio::net;", "'tokio' is neither a crate"),
        (RUST, "src/n.rs", "mod inner;", "mod inner: there is neither src/n/inner.rs"),
    ],
)
def test_imports_of_other_languages(files: dict[str, str], path: str, line: str, wrong: str) -> None:
    findings = found(files, path, f"{line}\n")
    assert bool(findings) is bool(wrong), findings
    assert not findings or wrong in findings[0].message


def test_says_what_is_not_checked() -> None:
    draft = Draft(
        tuple(
            ProducedFile(path, language_of(path) or "text", "x")
            for path in ("a.py", "b.java", "c.json", "d.txt", "e.rs")
        ),
    )
    kinds = checked_kinds(draft, [Finding("e.rs", "syntax", "x")])
    assert kinds.checked == {
        "python": ("syntax", "imports"), "java": ("syntax",), "json": ("syntax",), "rust": ("syntax", "imports"),
    }  # fmt: skip
    assert kinds.not_checked == (
        "java: imports",
        "d.txt: syntax, there is no parser for text here",
        "e.rs: imports, because of its syntax errors",
    )


def test_limits_are_checked_once_more() -> None:
    files = tuple(ProducedFile(f"f{number}.txt", "text", "12345") for number in range(3))
    constraints = Constraints(paths=("src/**",), max_files=2, max_bytes=10)
    kinds = [one.kind for one in check(Draft(files), Repository({}), constraints)]
    assert kinds == ["size", "size", "path", "path"]
    assert [one.kind for one in check(Draft(()), Repository({}), Constraints())] == ["empty"]


@pytest.mark.parametrize(
    ("path", "before", "words"),
    [
        ("../../etc/cron.d/x.py", None, "leaves the repository"),
        ("/abs.py", None, "not relative"),
        (".git/hooks/pre-commit", None, "lies in .git"),
        ("src//new.py", None, "has to be written as src/new.py"),
        ("SRC/new.py", None, "only by case"),
        ("src/a.py/b.py", None, "runs through the file"),
        ("src/a.py", None, "not declared as an edit"),
        ("src/a.py", "y = 1\n", "holds another text"),
        ("src/none.py", "y = 1\n", "does not exist"),
        ("src/big.py", None, "was not read"),
        ("src/new.js", None, "none of the languages python"),
    ],
)
def test_drafts_of_any_generator_are_checked_for_paths(path: str, before: str | None, words: str) -> None:
    repository = Repository({"src/a.py": "x = 1\n"}, {"src/big.py": "it is larger than 400000 bytes"})
    draft = Draft((ProducedFile(path, "python", "", before),))
    [finding] = check(draft, repository, Constraints(languages=("python",)))
    assert finding.kind == ("language" if "languages" in words else "path")
    assert words in finding.message


def test_files_of_a_draft_may_not_be_in_each_others_way() -> None:
    paths = ("a.txt", "A.txt", "b.txt", "b.txt", "c", "c/d.txt")
    found_ones = check(Draft(tuple(ProducedFile(path, "text", "x") for path in paths)), Repository({}), Constraints())
    assert [one.path for one in found_ones] == ["A.txt", "b.txt", "c/d.txt"]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a.kt", "fun f(x: Any) = when (x) {\n    is String if x.length > 3 -> 1\n    else -> 2\n}\n"),
        ("a.scss", "@mixin m($x...) {\n  a: $x;\n}\n"),
    ],
)
def test_what_only_a_grammar_objects_to_is_worth_a_repair_and_fails_nothing(path: str, content: str) -> None:
    findings = found({}, path, content)
    assert {one.kind for one in findings} == {"grammar"}
    draft = Draft((ProducedFile(path, language_of(path) or "text", content),))
    told = validation(findings, draft)
    assert (told["passed"], told["findings"], told["checked"]) == (True, [], {})
    assert f"{path}: syntax, the grammar for " in told["not_checked"][0]
    assert {one.kind for one in found({}, path, content + "{\n")} == {"syntax"}


def test_headers_are_read_as_c_or_as_cpp() -> None:
    assert found({}, "a.h", "class A {\n public:\n  A();\n};\n") == []
    assert found({}, "a.h", "int f(int class);\n") == []
    assert found({}, "a.h", "int f( {\n") != []


def test_json_may_have_comments_where_the_repository_has_them() -> None:
    commented = '// c\n{"a": "// no", /* c\n */ "b": [1,],\n}\n'
    assert found({}, "conf/new.json", commented) != []
    assert found({"conf/old.json": "{\n  // c\n}\n"}, "conf/new.json", commented) == []
    assert found({"x/new.json": "/* c */ {}"}, "conf/new.json", commented) == []
    assert found({"x/old.json": "// c"}, "conf/new.json", commented) != []
    [finding] = found({}, "tsconfig.json", commented + "}")
    assert (finding.kind, finding.line) == ("syntax", 5)


_KEYS = st.sampled_from([
    "project", "tool", "poetry", "group", "dependencies", "optional-dependencies", "dependency-groups", "build-system",
    "requires", "uv", "dev-dependencies", "workspace", "package", "lib", "name", "target", "imports",
    "devDependencies", "packages", "require", "pytest",
])  # fmt: skip
_ANYTHING = st.recursive(
    st.one_of(st.integers(-9, 9), st.booleans(), st.sampled_from(["x", "", "a>=1", "\u00fc"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=20,
)


def as_toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {as_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


@given(st.dictionaries(_KEYS, _ANYTHING, max_size=5), _ANYTHING)
def test_no_shape_of_a_manifest_stops_the_check(table: dict[str, object], anything: object) -> None:
    toml = "\n".join(f"{key} = {as_toml(value)}" for key, value in table.items())
    assert tomllib.loads(toml) == table
    for text in (toml, json.dumps(table), json.dumps(anything)):
        names = ("pyproject.toml", "Cargo.toml", "package.json", "go.mod", "Pipfile", "composer.json", "setup.cfg")
        files = dict.fromkeys(names, text)
        tree = tree_after(Draft(()), Repository(files))
        python_imports.known_of(tree, files)
        javascript_imports.known_of(tree, files)
        go_imports.known_of(tree, files)
        rust_imports.known_of(tree)
        list(dependencies(files))


def test_a_manifest_of_unexpected_shape_declares_what_can_be_read_of_it() -> None:
    files = {"pyproject.toml": 'project = 1\ntool = 1\n[dependency-groups]\ndev = ["numpy>=1", 2]\n'}
    assert found(files, "a.py", "import numpy\n") == []
    cargo = {"Cargo.toml": 'workspace = 1\npackage = 1\n[target.x.dependencies]\ntokio = "1"\n'}
    assert found(cargo, "src/n.rs", "use tokio::net;\n") == []


def test_hostile_files_do_not_stop_the_others() -> None:
    hostile = [
        ("a.rs", 'r#"' * 60_000), ("b.py", "(" * 50_000), ("c.py", "-" * 100_000 + "1"), ("d.yaml", "- " * 30_000),
        ("e.json", "[" * 500_000), ("f.py", "a" + ".b" * 30_000), ("g.py", "\ud800\x00"),
    ]  # fmt: skip
    started = time.monotonic()
    parsed = parse_all([*(Source(*one) for one in hostile), Source("ok.py", "def f():\n    pass\n")], timeout_s=2)
    assert time.monotonic() - started < 20
    assert parsed[0] is None
    assert parsed[-1] is not None
    assert parsed[-1].largest_function == 2
    findings = check(Draft((ProducedFile("g.py", "python", "(" * 200_000),)), Repository({}), Constraints())
    assert [one.kind for one in findings] == ["syntax"]
