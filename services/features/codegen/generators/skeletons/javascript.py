"""Pure: a skeleton in JavaScript or TypeScript."""

import posixpath

from services.features.codegen.generators.skeletons.names import Name
from services.features.codegen.generators.skeletons.places import (
    declares,
    fullest_folder,
    indentation,
    join,
    most,
    sources,
    tests,
)
from services.features.codegen.generators.skeletons.values import Skeleton, SkeletonFile, Surroundings
from services.features.codegen.generators.skeletons.wording import block_comment

_JAVASCRIPT = (".js", ".mjs", ".jsx")
_TYPESCRIPT = (".ts", ".tsx")
_IMPORTS = {"esm": r"^[ \t]*(?:import|export)\b", "commonjs": r"\brequire\(|\bmodule\.exports\b"}


def javascript(name: Name, wish: str, around: Surroundings) -> Skeleton:
    esm = '"type": "module"' in around.files.get("package.json", "")
    texts = [around.files[path] for path in sources(around.files, _JAVASCRIPT)]
    style = most(texts, _IMPORTS, "esm" if esm else "commonjs")
    return _skeleton(name, wish, around, _JAVASCRIPT, style)


def typescript(name: Name, wish: str, around: Surroundings) -> Skeleton:
    return _skeleton(name, wish, around, _TYPESCRIPT, "esm")


def _skeleton(name: Name, wish: str, around: Surroundings, suffixes: tuple[str, ...], style: str) -> Skeleton:
    own = [path for path in sources(around.files, suffixes) if not path.endswith((".d.ts", ".config.js", ".config.ts"))]
    language, ending = ("typescript", "ts") if suffixes == _TYPESCRIPT else ("javascript", "js")
    unit = indentation((around.files[path] for path in own), "  ")
    stem = _stem(name, own)
    folder = fullest_folder(own)
    path = join("src" if folder is None else folder, f"{stem}.{ending}")
    test_path = _test_path(stem, ending, posixpath.dirname(path), own, tests(around.files, suffixes))
    imported = _imported(path, test_path, _keeps_ending(around, own, language))
    has_vitest = declares(around.files, "vitest", r"package\.json")
    framework = around.test_framework if has_vitest else around.test_framework.replace("vitest", "")
    files = (
        SkeletonFile(path, language, _module(name, wish, unit, language, style)),
        SkeletonFile(test_path, language, _test(name, imported, unit, style, framework)),
    )
    return Skeleton(name, files, (f"Import {name.camel} from {path} where the feature is needed.",))


def _stem(name: Name, own: list[str]) -> str:
    """A file's name, in the manner of the others."""
    stems = (posixpath.basename(path).split(".")[0] for path in own)
    manner = most(stems, {"kebab": r"\w-\w", "snake": r"[a-z0-9]_[a-z0-9]", "camel": r"^[a-z]+[A-Z]"}, "kebab")
    return {"kebab": name.kebab, "snake": name.snake, "camel": name.camel}[manner]


def _test_path(stem: str, ending: str, folder: str, own: list[str], existing: tuple[str, ...]) -> str:
    mark = most(map(posixpath.basename, existing), {"test": r"\.test\.\w+$", "spec": r"\.spec\.\w+$"}, "test")
    where = fullest_folder(existing)
    if where is None or where in {posixpath.dirname(path) for path in own}:
        where = folder
    elif posixpath.basename(where) == "__tests__":
        where = join(folder, "__tests__")
    return join(where, f"{stem}.{mark}.{ending}")


def _keeps_ending(around: Surroundings, own: list[str], language: str) -> bool:
    """JavaScript modules are imported by their whole name; TypeScript as the others of the repository do it."""
    named = {"whole": r"from\s+[\"']\.[^\"']*\.js[\"']", "stem": r"from\s+[\"']\.[^\"']*/[^\"'./]+[\"']"}
    return most((around.files[path] for path in own), named, "whole" if language == "javascript" else "stem") == "whole"


def _imported(path: str, test_path: str, keeps_ending: bool) -> str:
    relative = posixpath.relpath(path, posixpath.dirname(test_path) or ".")
    stem = posixpath.splitext(relative if relative.startswith(".") else f"./{relative}")[0]
    return f"{stem}.js" if keeps_ending else stem


def _module(name: Name, wish: str, unit: str, language: str, style: str) -> str:
    returns = ": never" if language == "typescript" else ""
    body = f'{unit}throw new Error("{name.camel} is a skeleton: not built yet");'
    export = "export " if style == "esm" else ""
    exported = "" if style == "esm" else f"\nmodule.exports = {{ {name.camel} }};\n"
    return f"{block_comment(wish)}\n{export}function {name.camel}(){returns} {{\n{body}\n}}\n{exported}"


def _test(name: Name, imported: str, unit: str, style: str, framework: str) -> str:
    package, skip = _skipping(framework)
    lines = []
    if package == "vitest":  # cannot be required, whatever the rest of the repository does
        lines.append('import { test } from "vitest";')
    elif package is not None:
        lines.append(f'import test from "{package}";' if style == "esm" else f'const test = require("{package}");')
    own = f'import {{ {name.camel} }} from "{imported}";'
    lines.append(own if style == "esm" else f'const {{ {name.camel} }} = require("{imported}");')
    title = f"{' '.join(name.words)} (skeleton: not built yet)"
    return "\n".join([*lines, "", f'{skip}("{title}", () => {{', f"{unit}{name.camel}();", "});", ""])


def _skipping(framework: str) -> tuple[str | None, str]:
    """Where `test` comes from, None: it is a global; and how a test is skipped. Node's own runner needs no package."""
    if "vitest" in framework:
        return "vitest", "test.skip"
    if "jest" in framework:
        return None, "test.skip"
    if "mocha" in framework:
        return None, "it.skip"
    if "jasmine" in framework:
        return None, "xit"
    return "node:test", "test.skip"
